#ifndef CFILES_H
#define CFILES_H

/// Exchanges what stands under two names of one file system, in one step; 0, or -1 with errno
/// (EINVAL, ENOSYS: the file system or the kernel cannot).
///
/// In C, because Swift's Glibc does not show renameat2.
int fpq_exchange(const char *one, const char *other);

#endif
