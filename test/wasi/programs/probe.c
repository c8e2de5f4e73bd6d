/*
 * Asks its host for everything a C program can ask for, and prints the answers: arguments, environment, clocks, random
 * bytes, files, descriptors, waiting. With an argument it does what that says: exit, abort, recurse, spin, flood.
 *
 *   clang-19 --target=wasm32-wasi -O2 -Wl,--strip-all -o probe.wasm probe.c
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static volatile unsigned sink;

__attribute__((noinline)) static unsigned deep(unsigned n) {
  volatile char room[256];
  room[n % 256] = (char)n;
  return n == ~0u ? 0 : deep(n + 1) + (unsigned)room[n % 256];
}

static void clocks(void) {
  clockid_t ids[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
    struct timespec now = {-1, -1}, resolution = {-1, -1};
    int a = clock_gettime(ids[i], &now), b = clock_getres(ids[i], &resolution);
    printf("clock %zu: %d %lld.%09ld, %d %lld.%09ld\n", i, a, (long long)now.tv_sec, now.tv_nsec, b,
           (long long)resolution.tv_sec, resolution.tv_nsec);
  }
  struct timespec second = {1, 0};
  int slept = nanosleep(&second, NULL);
  printf("slept: %d, time %lld\n", slept, (long long)time(NULL));
}

static void randomness(void) {
  unsigned char bytes[40];
  for (int round = 0; round < 2; round++) {
    int result = getentropy(bytes, sizeof bytes);
    printf("random %d: ", result);
    for (size_t i = 0; i < sizeof bytes; i++) printf("%02x", bytes[i]);
    printf("\n");
  }
}

static void descriptors(void) {
  for (int fd = 0; fd < 5; fd++) {
    struct stat status;
    errno = 0;
    int stat_result = fstat(fd, &status), stat_error = errno;
    errno = 0;
    long long at = lseek(fd, 0, SEEK_CUR);
    int seek_error = errno;
    errno = 0;
    int flags = fcntl(fd, F_GETFL), flag_error = errno;
    printf("fd %d: fstat %d/%d, lseek %lld/%d, flags %d/%d, tty %d\n", fd, stat_result, stat_error, at, seek_error, flags,
           flag_error, isatty(fd));
  }
  errno = 0;
  int file = open("/etc/passwd", O_RDONLY);
  printf("open: %d/%d\n", file, errno);
  errno = 0;
  FILE *stream = fopen("data.txt", "w");
  printf("fopen: %d/%d\n", stream != NULL, errno);
  struct pollfd polled[2] = {{0, POLLIN, 0}, {1, POLLOUT, 0}};
  int ready = poll(polled, 2, 1000);
  printf("poll: %d %d %d\n", ready, polled[0].revents, polled[1].revents);
  printf("yield: %d\n", sched_yield());
}

static void input(void) {
  char a[5], b[7], c[3];
  struct iovec parts[3] = {{a, 5}, {b, 7}, {c, 3}};
  long got = readv(0, parts, 3);
  printf("readv: %ld\n", got);
  if (got > 0) printf("first: %.*s\n", got < 5 ? (int)got : 5, a);
  long total = got;
  char block[4096];
  unsigned hash = 2166136261u;
  for (long n; (n = read(0, block, sizeof block)) > 0; total += n)
    for (long i = 0; i < n; i++) hash = (hash ^ (unsigned char)block[i]) * 16777619u;
  printf("input: %ld bytes, rest %08x, then %zd\n", total, hash, read(0, block, 1));
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "ask";
  if (strcmp(what, "exit") == 0) {
    printf("not a result\n");
    fprintf(stderr, "about to exit with %s\n", argv[2]);
    exit(atoi(argv[2]));
  }
  if (strcmp(what, "abort") == 0) abort();
  if (strcmp(what, "recurse") == 0) printf("%u\n", deep(0));
  if (strcmp(what, "spin") == 0)
    for (time_t end = time(NULL) + 1; time(NULL) < end; sink++) sched_yield();
  if (strcmp(what, "flood") == 0)
    for (;;) puts("all work and no play");
  if (strcmp(what, "allocate") == 0) {
    size_t blocks = 0;
    for (char *block; (block = malloc(1 << 16)) != NULL; blocks++) sink += (unsigned)(size_t)block;
    printf("%zu blocks\n", blocks);
    return 0;
  }
  for (int i = 0; i < argc; i++) printf("argument %d: %s\n", i, argv[i]);
  printf("environment: %s\n", environ == NULL || *environ == NULL ? "empty" : *environ);
  clocks();
  randomness();
  descriptors();
  input();
  double zero = (double)(argc - argc);
  printf("%.17g %g %g %a\n", 0.1, zero / zero, 1 / zero, 2.0 / 3.0);
  return 0;
}
