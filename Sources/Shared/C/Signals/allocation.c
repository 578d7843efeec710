// The end of a process that gets no memory: one line and exit code 1, its unfinished files removed.
//
// Swift's runtime aborts with a backtrace when malloc returns NULL, C++ throws, and C libraries
// differ; so malloc itself is where all of them are met. These definitions come before the C
// library's in the executable, and hand on to whatever stands next (the C library, or a preloaded
// allocator). Without fpq_signals_install, as in tests, they change nothing.

#define _GNU_SOURCE

#include "allocation.h"

#include <stdlib.h>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define INTERPOSES 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef INTERPOSES
#endif
#endif

#ifdef INTERPOSES

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// The C library's own, for what dlsym itself may ask for.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void *(*next_memalign)(size_t, size_t);
static void *(*next_mmap)(void *, size_t, int, int, int, off_t);
static _Thread_local int resolving;

// The definition after ours, found once; none while it is being found.
#define NEXT(name) \
  (next_##name ? next_##name : (next_##name = (__typeof__(next_##name))resolve(#name)))

static void *resolve(const char *name) {
  if (resolving) return NULL;
  resolving = 1;
  void *found = dlsym(RTLD_NEXT, name);
  resolving = 0;
  return found;
}

static void *checked(void *memory, size_t bytes) {
  if (!memory && bytes > 0) fpq_allocation_failed(bytes);
  return memory;
}

void *malloc(size_t bytes) {
  void *(*next)(size_t) = NEXT(malloc);
  return checked(next ? next(bytes) : __libc_malloc(bytes), bytes);
}

void *calloc(size_t count, size_t size) {
  void *(*next)(size_t, size_t) = NEXT(calloc);
  void *memory = next ? next(count, size) : __libc_calloc(count, size);
  size_t bytes;
  return checked(memory, __builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes);
}

void *realloc(void *old, size_t bytes) {
  void *(*next)(void *, size_t) = NEXT(realloc);
  return checked(next ? next(old, bytes) : __libc_realloc(old, bytes), bytes);
}

void *memalign(size_t alignment, size_t bytes) {
  void *(*next)(size_t, size_t) = NEXT(memalign);
  return checked(next ? next(alignment, bytes) : __libc_memalign(alignment, bytes), bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  if (alignment % sizeof(void *) || (alignment & (alignment - 1)) || alignment == 0) return EINVAL;
  void *found = memalign(alignment, bytes);
  if (!found && bytes > 0) return ENOMEM;
  *memory = found;
  return 0;
}

// oneDNN keeps the code that it makes in mappings of its own, and writes to those it did not get.
// Files are mapped by ourselves, who can say which one it was.
void *mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset) {
  void *(*next)(void *, size_t, int, int, int, off_t) = NEXT(mmap);
  void *found = next ? next(at, bytes, protection, flags, file, offset)
                     : (void *)syscall(SYS_mmap, at, bytes, protection, flags, file, offset);
  if (found == MAP_FAILED && errno == ENOMEM && (flags & MAP_ANONYMOUS)) {
    fpq_allocation_failed(bytes);
  }
  return found;
}

void *mmap64(void *at, size_t bytes, int protection, int flags, int file, off64_t offset) {
  return mmap(at, bytes, protection, flags, file, offset);
}

#endif
