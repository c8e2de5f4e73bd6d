/*
 * Summarises readings: lines of "name value" on standard input become one line for each name, in order of the names:
 * count, mean, standard deviation, median. Names with fewer than `-n` readings are left out; lines that are no readings
 * are counted and told on standard error. An ordinary C program: nothing in it knows of Shoal.
 *
 *   clang-19 --target=wasm32-wasi -O2 -Wl,--strip-all -o readings.wasm readings.c
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct station {
  char *name;
  double *values;
  size_t count, room;
};

static struct station *stations;
static size_t station_count, station_room;

static void *enlarge(void *block, size_t *room, size_t size) {
  *room = *room == 0 ? 8 : *room * 2;
  void *larger = realloc(block, *room * size);
  if (larger == NULL) {
    perror("readings");
    exit(3);
  }
  return larger;
}

static struct station *find(const char *name) {
  for (size_t i = 0; i < station_count; i++)
    if (strcmp(stations[i].name, name) == 0) return &stations[i];
  if (station_count == station_room) stations = enlarge(stations, &station_room, sizeof *stations);
  struct station *added = &stations[station_count++];
  memset(added, 0, sizeof *added);
  added->name = strdup(name);
  return added;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct station *)a)->name, ((const struct station *)b)->name);
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void print(struct station *station) {
  size_t n = station->count;
  double sum = 0, squares = 0;
  qsort(station->values, n, sizeof(double), by_value);
  for (size_t i = 0; i < n; i++) sum += station->values[i];
  double mean = sum / (double)n;
  for (size_t i = 0; i < n; i++) squares += (station->values[i] - mean) * (station->values[i] - mean);
  double median = n % 2 == 1 ? station->values[n / 2] : (station->values[n / 2 - 1] + station->values[n / 2]) / 2;
  printf("%s\t%zu\t%.6f\t%.9g\t%a\n", station->name, n, mean, sqrt(squares / (double)n), median);
}

int main(int argc, char **argv) {
  size_t least = 1, bad = 0;
  if (argc == 3 && strcmp(argv[1], "-n") == 0) least = strtoul(argv[2], NULL, 10);
  else if (argc != 1) {
    fprintf(stderr, "usage: %s [-n least]\n", argc > 0 ? argv[0] : "readings");
    return 2;
  }
  char *line = NULL;
  size_t room = 0;
  while (getline(&line, &room, stdin) > 0) {
    char name[64], *end;
    int used = 0;
    if (sscanf(line, "%63s%n", name, &used) != 1) continue;
    errno = 0;
    double value = strtod(line + used, &end);
    if (end == line + used || errno != 0 || isnan(value)) {
      bad++;
      continue;
    }
    struct station *station = find(name);
    if (station->count == station->room) station->values = enlarge(station->values, &station->room, sizeof(double));
    station->values[station->count++] = value;
  }
  if (ferror(stdin)) {
    perror("readings");
    return 4;
  }
  qsort(stations, station_count, sizeof *stations, by_name);
  for (size_t i = 0; i < station_count; i++)
    if (stations[i].count >= least) print(&stations[i]);
  if (bad > 0) fprintf(stderr, "%zu lines are no readings\n", bad);
  return fflush(stdout) == 0 ? 0 : 4;
}
