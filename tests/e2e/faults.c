// Preloaded into the gateway by crash.test.mjs: makes the machine under it fail while it runs.
// Everything is read from the file $FAULTS, which the test writes at any time:
//
//   int32 sync    errno of every fsync and fdatasync below $FAULTS_BELOW, or 0
//   int32 write   errno of every write there, or 0
//   int32 open    errno of every open for writing there, or 0
//   int32 unused
//   int64 clock   nanoseconds that the wall clock is ahead
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

struct faults {
  volatile int32_t sync, write, open, unused;
  volatile int64_t clock;
};

static struct faults none;
static struct faults* faults = &none;
static const char* below = "";

__attribute__((constructor)) static void begin(void) {
  const char* file = getenv("FAULTS");
  if (file == NULL || getenv("FAULTS_BELOW") == NULL) return;
  below = getenv("FAULTS_BELOW");
  const int fd = open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) abort();
  void* mapped = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) abort();
  close(fd);
  faults = mapped;
}

static int is_below(const char* path) { return strncmp(path, below, strlen(below)) == 0; }

// The errno to fail with, or 0.
static int fault(int32_t error, int fd) {
  if (error == 0) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return 0;
  path[size] = '\0';
  return is_below(path) ? error : 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_IF(error)       \
  do {                       \
    const int why = (error); \
    if (why != 0) {          \
      errno = why;           \
      return -1;             \
    }                        \
  } while (0)

int fsync(int fd) {
  FAIL_IF(fault(faults->sync, fd));
  return REAL(fsync)(fd);
}

int fdatasync(int fd) {
  FAIL_IF(fault(faults->sync, fd));
  return REAL(fdatasync)(fd);
}

ssize_t write(int fd, const void* bytes, size_t size) {
  FAIL_IF(fault(faults->write, fd));
  return REAL(write)(fd, bytes, size);
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  FAIL_IF(fault(faults->write, fd));
  return REAL(pwrite)(fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  FAIL_IF(fault(faults->write, fd));
  return REAL(pwrite64)(fd, bytes, size, offset);
}

struct iovec;

ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t offset) {
  FAIL_IF(fault(faults->write, fd));
  return ((ssize_t(*)(int, const struct iovec*, int, off_t))dlsym(RTLD_NEXT, "pwritev"))(
      fd, parts, count, offset);
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
  FAIL_IF(fault(faults->write, fd));
  return ((ssize_t(*)(int, const struct iovec*, int))dlsym(RTLD_NEXT, "writev"))(fd, parts, count);
}

int fallocate(int fd, int mode, off_t offset, off_t size) {
  FAIL_IF(fault(faults->write, fd));
  return REAL(fallocate)(fd, mode, offset, size);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t size) {
  FAIL_IF(fault(faults->write, fd));
  return REAL(fallocate64)(fd, mode, offset, size);
}

#define OPEN(name)                                                               \
  int name(const char* path, int flags, ...) {                                   \
    va_list arguments;                                                           \
    va_start(arguments, flags);                                                  \
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;  \
    va_end(arguments);                                                           \
    if ((flags & O_ACCMODE) != O_RDONLY && is_below(path)) FAIL_IF(faults->open); \
    return ((int (*)(const char*, int, ...))dlsym(RTLD_NEXT, #name))(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

int clock_gettime(clockid_t clock, struct timespec* time) {
  static int (*real)(clockid_t, struct timespec*);
  if (real == NULL) real = REAL(clock_gettime);
  const int result = real(clock, time);
  if (clock != CLOCK_REALTIME || result != 0) return result;
  const int64_t ahead = faults->clock + time->tv_nsec;
  time->tv_sec += ahead / 1000000000;
  time->tv_nsec = ahead % 1000000000;
  if (time->tv_nsec < 0) {
    time->tv_nsec += 1000000000;
    --time->tv_sec;
  }
  return 0;
}
