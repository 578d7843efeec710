#include "CSignals.h"

#include "allocation.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 256, PATH_BYTES = 4096 };
enum { FREE, FILLING, IN_USE };

// Paths stay in place for ever, so that a handler never reads freed memory.
static struct {
  atomic_int state;
  char path[PATH_BYTES];
} unfinished[SLOTS];

static char message[256];

// What begins a message, once the handlers are installed.
static char name[129];
static atomic_bool installed;
static atomic_bool ending;

static void remove_unfinished(void) {
  // Last remembered first: a folder is noted before the files in it.
  for (int slot = SLOTS - 1; slot >= 0; slot--) {
    if (atomic_load(&unfinished[slot].state) == IN_USE) {
      if (unlink(unfinished[slot].path) != 0) rmdir(unfinished[slot].path);
    }
  }
}

// Removes the files, then dies of the same signal, so that the shell sees how we ended.
static void die(int number) {
  remove_unfinished();
  signal(number, SIG_DFL);
  raise(number);
}

// A mapped input was cut short by someone else: the only way a well-formed run meets SIGBUS.
static void input_vanished(int number) {
  (void)number;
  remove_unfinished();
  if (write(STDERR_FILENO, message, strlen(message)) < 0) {
  }
  _exit(1);
}

void fpq_allocation_failed(size_t bytes) {
  if (!atomic_load(&installed)) return;
  // Threads that meet the same end leave the line to the first.
  if (atomic_exchange(&ending, true)) {
    for (;;) pause();
  }
  remove_unfinished();
  // Nothing here may ask for memory.
  char line[256] = "", digits[24];
  size_t count = sizeof digits;
  digits[--count] = 0;
  do digits[--count] = (char)('0' + bytes % 10);
  while (bytes /= 10);
  strcat(line, name);
  strcat(line, ": not enough memory: ");
  strcat(line, digits + count);
  strcat(line, " bytes more are not to be had\n");
  if (write(STDERR_FILENO, line, strlen(line)) < 0) {
  }
  _exit(1);
}

static void handle(int number, void (*handler)(int)) {
  struct sigaction action;
  // A signal ignored by our parent (nohup, a background job) stays ignored.
  if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN) return;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, NULL);
}

void fpq_signals_install(const char *tool) {
  strncat(name, tool, sizeof name - 1);
  atomic_store(&installed, true);
  strcat(message, name);
  strcat(message, ": an input file was cut short while it was being read\n");
  handle(SIGINT, die);
  handle(SIGTERM, die);
  handle(SIGHUP, die);
  handle(SIGPIPE, die);
  handle(SIGBUS, input_vanished);
  // Beyond `ulimit -f` a write then fails with a reason we can print.
  signal(SIGXFSZ, SIG_IGN);
  atexit(remove_unfinished);
}

int fpq_signals_remember(const char *path) {
  if (strlen(path) >= PATH_BYTES) return -1;
  for (int slot = 0; slot < SLOTS; slot++) {
    int expected = FREE;
    if (atomic_compare_exchange_strong(&unfinished[slot].state, &expected, FILLING)) {
      strcpy(unfinished[slot].path, path);
      atomic_store(&unfinished[slot].state, IN_USE);
      return slot;
    }
  }
  return -1;
}

void fpq_signals_forget(int slot) {
  if (slot >= 0) atomic_store(&unfinished[slot].state, FREE);
}
