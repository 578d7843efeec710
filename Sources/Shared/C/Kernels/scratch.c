#include "scratch.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct {
  void *memory;
  size_t bytes;
} scratch;

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local scratch mine;

static void release(void *memory) { free(memory); }

static void create_key(void) {
  if (pthread_key_create(&key, release)) abort();
}

void *fpq_scratch(size_t bytes) {
  if (bytes <= mine.bytes) return mine.memory;
  pthread_once(&once, create_key);
  free(mine.memory);
  size_t rounded = (bytes + 4095) / 4096 * 4096;
  // As for Swift's own allocations, there is no going on without memory.
  if (posix_memalign(&mine.memory, 64, rounded)) abort();
  mine.bytes = rounded;
  pthread_setspecific(key, mine.memory);
  return mine.memory;
}
