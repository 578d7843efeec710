// A library to preload (LD_PRELOAD) into a tool: counts its calls of the C library, and has one of
// them fail, or the process killed there.
//
// FAULTS_AT=CALL:N:WHAT  the N-th call (from 1) of CALL fails with the error number WHAT; 0: SIGKILL
// FAULTS_SHORT=SEED      reads and writes move a few bytes at a time, and every third is interrupted
// FAULTS_COUNTS=FILE     at the end, a line "CALL NUMBER" is appended there for each CALL
//
// Calls on stderr are neither counted nor touched: the line that says what failed must come out.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum call { WRITE, READ, OPEN, CLOSE, FSYNC, RENAME, MMAP, FTRUNCATE, MKDIR, MALLOC, ALIGNED, CALLS };
static const char *const names[CALLS] = {
  "write", "read", "open", "close", "fsync", "rename", "mmap", "ftruncate", "mkdir", "malloc",
  "aligned",
};
static atomic_long counts[CALLS];
static int chosen = -1;
static long number;
static int error;
static atomic_uint shortened;

__attribute__((constructor)) static void start(void) {
  const char *at = getenv("FAULTS_AT");
  const char *small = getenv("FAULTS_SHORT");
  char name[32];
  if (at && sscanf(at, "%31[a-z]:%ld:%d", name, &number, &error) == 3) {
    for (int call = 0; call < CALLS; call++) {
      if (strcmp(name, names[call]) == 0) chosen = call;
    }
  }
  if (small) shortened = (unsigned)atoi(small) | 1;
}

__attribute__((destructor)) static void end(void) {
  const char *file = getenv("FAULTS_COUNTS");
  const int descriptor = file ? openat(AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
  if (descriptor < 0) return;
  for (int call = 0; call < CALLS; call++) dprintf(descriptor, "%s %ld\n", names[call], counts[call]);
}

// Whether this call is the one that fails, with the error set.
static int fails(enum call call) {
  const long count = atomic_fetch_add(&counts[call], 1) + 1;
  if ((int)call != chosen || count != number) return 0;
  if (error == 0) kill(getpid(), SIGKILL);
  errno = error;
  return 1;
}

#define NEXT(name) \
  static __typeof__(&name) next; \
  if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

// How many of `count` bytes are moved at once; -1: the call is interrupted before any is.
static ssize_t piece(size_t count) {
  if (!shortened || count == 0) return (ssize_t)count;
  const unsigned next = atomic_fetch_add(&shortened, 2) * 2654435761u;
  if ((next >> 20) % 3 == 0) {
    errno = EINTR;
    return -1;
  }
  // Long files would take for ever at seven bytes a call.
  const size_t most = 1 + (next >> 8) % (count > 4096 ? count : 7);
  return (ssize_t)(most < count ? most : count);
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  NEXT(write);
  if (descriptor == STDERR_FILENO) return next(descriptor, bytes, count);
  if (fails(WRITE)) return -1;
  const ssize_t part = piece(count);
  return part < 0 ? -1 : next(descriptor, bytes, (size_t)part);
}

ssize_t read(int descriptor, void *bytes, size_t count) {
  NEXT(read);
  if (fails(READ)) return -1;
  const ssize_t part = piece(count);
  return part < 0 ? -1 : next(descriptor, bytes, (size_t)part);
}

static mode_t mode_of(int flags, va_list rest) {
  return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

#define OPENING(name)                                 \
  int name(const char *path, int flags, ...) {        \
    NEXT(name);                                       \
    va_list rest;                                     \
    va_start(rest, flags);                            \
    const mode_t mode = mode_of(flags, rest);         \
    va_end(rest);                                     \
    return fails(OPEN) ? -1 : next(path, flags, mode); \
  }

OPENING(open)
OPENING(open64)

int close(int descriptor) {
  NEXT(close);
  // A close that fails has closed nevertheless.
  const int failing = descriptor == STDERR_FILENO ? 0 : fails(CLOSE);
  const int kept = errno;
  const int result = next(descriptor);
  if (failing) errno = kept;
  return failing ? -1 : result;
}

int fsync(int descriptor) {
  NEXT(fsync);
  return fails(FSYNC) ? -1 : next(descriptor);
}

int rename(const char *from, const char *to) {
  NEXT(rename);
  return fails(RENAME) ? -1 : next(from, to);
}

int renameat2(int from, const char *name, int to, const char *other, unsigned flags) {
  NEXT(renameat2);
  return fails(RENAME) ? -1 : next(from, name, to, other, flags);
}

void *mmap(void *address, size_t count, int protection, int flags, int descriptor, off_t offset) {
  NEXT(mmap);
  // Memory without a file is an allocation.
  const enum call call = descriptor < 0 ? MALLOC : MMAP;
  return fails(call) ? MAP_FAILED : next(address, count, protection, flags, descriptor, offset);
}

int ftruncate(int descriptor, off_t count) {
  NEXT(ftruncate);
  return fails(FTRUNCATE) ? -1 : next(descriptor, count);
}

int mkdir(const char *path, mode_t mode) {
  NEXT(mkdir);
  return fails(MKDIR) ? -1 : next(path, mode);
}

// glibc's own names, as looking one up may allocate.
void *__libc_malloc(size_t count);
void *__libc_memalign(size_t alignment, size_t count);

void *malloc(size_t count) { return fails(MALLOC) ? NULL : __libc_malloc(count); }

void *aligned_alloc(size_t alignment, size_t count) {
  return fails(ALIGNED) ? NULL : __libc_memalign(alignment, count);
}

int posix_memalign(void **result, size_t alignment, size_t count) {
  if (fails(ALIGNED)) return ENOMEM;
  *result = __libc_memalign(alignment, count);
  return *result ? 0 : ENOMEM;
}
