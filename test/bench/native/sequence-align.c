/* kernels/sequence-align in C: the same striped columns, with the SSE2 instructions that every x86-64 has. */
#include "task.h"
#include <emmintrin.h>

#define LETTERS "ARNDCQEGHILKMFPSTWYVBZX*"
#define RESIDUES 24
#define UNKNOWN 22
#define NAME_MAX 64
#define TOP_MAX 100

static const int8_t blosum62[RESIDUES * RESIDUES] = {
  4, -1, -2, -2, 0, -1, -1, 0, -2, -1, -1, -1, -1, -2, -1, 1, 0, -3, -2, 0, -2, -1, 0, -4,
  -1, 5, 0, -2, -3, 1, 0, -2, 0, -3, -2, 2, -1, -3, -2, -1, -1, -3, -2, -3, -1, 0, -1, -4,
  -2, 0, 6, 1, -3, 0, 0, 0, 1, -3, -3, 0, -2, -3, -2, 1, 0, -4, -2, -3, 3, 0, -1, -4,
  -2, -2, 1, 6, -3, 0, 2, -1, -1, -3, -4, -1, -3, -3, -1, 0, -1, -4, -3, -3, 4, 1, -1, -4,
  0, -3, -3, -3, 9, -3, -4, -3, -3, -1, -1, -3, -1, -2, -3, -1, -1, -2, -2, -1, -3, -3, -2, -4,
  -1, 1, 0, 0, -3, 5, 2, -2, 0, -3, -2, 1, 0, -3, -1, 0, -1, -2, -1, -2, 0, 3, -1, -4,
  -1, 0, 0, 2, -4, 2, 5, -2, 0, -3, -3, 1, -2, -3, -1, 0, -1, -3, -2, -2, 1, 4, -1, -4,
  0, -2, 0, -1, -3, -2, -2, 6, -2, -4, -4, -2, -3, -3, -2, 0, -2, -2, -3, -3, -1, -2, -1, -4,
  -2, 0, 1, -1, -3, 0, 0, -2, 8, -3, -3, -1, -2, -1, -2, -1, -2, -2, 2, -3, 0, 0, -1, -4,
  -1, -3, -3, -3, -1, -3, -3, -4, -3, 4, 2, -3, 1, 0, -3, -2, -1, -3, -1, 3, -3, -3, -1, -4,
  -1, -2, -3, -4, -1, -2, -3, -4, -3, 2, 4, -2, 2, 0, -3, -2, -1, -2, -1, 1, -4, -3, -1, -4,
  -1, 2, 0, -1, -3, 1, 1, -2, -1, -3, -2, 5, -1, -3, -1, 0, -1, -3, -2, -2, 0, 1, -1, -4,
  -1, -1, -2, -3, -1, 0, -2, -3, -2, 1, 2, -1, 5, 0, -2, -1, -1, -1, -1, 1, -3, -1, -1, -4,
  -2, -3, -3, -3, -2, -3, -3, -3, -1, 0, 0, -3, 0, 6, -4, -2, -2, 1, 3, -1, -3, -3, -1, -4,
  -1, -2, -2, -1, -3, -1, -1, -2, -2, -3, -3, -1, -2, -4, 7, -1, -1, -4, -3, -2, -2, -1, -2, -4,
  1, -1, 1, 0, -1, 0, 0, 0, -1, -2, -2, 0, -1, -2, -1, 4, 1, -3, -2, -2, 0, 0, 0, -4,
  0, -1, 0, -1, -1, -1, -1, -2, -2, -1, -1, -1, -1, -2, -1, 1, 5, -2, -2, 0, -1, -1, 0, -4,
  -3, -3, -4, -4, -2, -2, -3, -2, -2, -3, -2, -3, -1, 1, -4, -3, -2, 11, 2, -3, -4, -3, -2, -4,
  -2, -2, -2, -3, -2, -1, -2, -3, 2, -1, -1, -2, -1, 3, -3, -2, -2, 2, 7, -1, -3, -2, -1, -4,
  0, -3, -3, -3, -1, -2, -2, -3, -3, 3, 1, -2, 1, -1, -2, -2, 0, -3, -1, 4, -3, -2, -1, -4,
  -2, -1, 3, 4, -3, 0, 1, -1, 0, -3, -4, 0, -3, -3, -2, 0, -1, -4, -3, -3, 4, 1, -1, -4,
  -1, 0, 0, 1, -3, 3, 4, -2, 0, -3, -3, 1, -1, -3, -1, 0, -1, -3, -2, -2, 1, 4, -1, -4,
  0, -1, -1, -1, -2, -1, -1, -1, -1, -1, -1, -1, -1, -1, -2, 0, 0, -2, -1, -1, -1, -1, -1, -4,
  -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, 1,
};

typedef struct {
  int32_t score;
  uint32_t residues, name_length;
  const uint8_t *name;
} hit;

static hit hits[TOP_MAX + 1];
static uint32_t hit_count, top;

static int order(const hit *a, const hit *b) {
  if (a->score != b->score) return a->score > b->score ? -1 : 1;
  uint32_t shared = a->name_length < b->name_length ? a->name_length : b->name_length;
  int bytes = memcmp(a->name, b->name, shared);
  if (bytes != 0) return bytes;
  if (a->name_length != b->name_length) return a->name_length < b->name_length ? -1 : 1;
  return a->residues < b->residues ? -1 : a->residues > b->residues;
}

static void keep(hit candidate) {
  if (candidate.score == 0) return;
  uint32_t place = hit_count;
  while (place > 0 && order(&candidate, &hits[place - 1]) < 0) place--;
  if (place == top) return;
  memmove(&hits[place + 1], &hits[place], (hit_count - place) * sizeof(hit));
  hits[place] = candidate;
  if (hit_count < top) hit_count++;
}

static void make_codes(uint8_t codes[256]) {
  memset(codes, 255, 256);
  for (const char *c = LETTERS; *c != 0; c++) {
    codes[(uint8_t)*c] = (uint8_t)(c - LETTERS);
    if (*c != '*') codes[(uint8_t)*c | 0x20] = (uint8_t)(c - LETTERS);
  }
  for (const char *c = "JOUjou"; *c != 0; c++) codes[(uint8_t)*c] = UNKNOWN;
  for (const char *c = " \t\r\n-."; *c != 0; c++) codes[(uint8_t)*c] = 253;
}

/* Residue codes of the record at *text, which begins with '>'; moves on to the next. */
static uint32_t read_record(const uint8_t codes[256], const uint8_t **text, const uint8_t *end, uint8_t *into) {
  const uint8_t *p = *text;
  uint32_t length = 0;
  while (p < end && *p != '\n') p++;
  for (p++; p < end && *p != '>'; p++) {
    for (; p < end && *p != '\n'; p++) {
      uint8_t code = codes[*p];
      if (code < RESIDUES) into[length++] = code;
      else if (code != 253) refuse("not a residue");
    }
  }
  *text = p < end ? p : end;
  return length;
}

static int32_t plain_score(const uint8_t *query, uint32_t query_length, const uint8_t *target, uint32_t length,
                           int32_t open, int32_t extend) {
  int32_t *h = take(query_length * 4), *e = take(query_length * 4), most = 0;
  for (uint32_t j = 0; j < length; j++) {
    int32_t diagonal = 0, f = 0;
    for (uint32_t i = 0; i < query_length; i++) {
      int32_t score = diagonal + blosum62[target[j] * RESIDUES + query[i]];
      score = score > 0 ? score : 0;
      score = score > e[i] ? score : e[i];
      score = score > f ? score : f;
      diagonal = h[i];
      h[i] = score;
      most = score > most ? score : most;
      e[i] = e[i] - extend > score - open ? e[i] - extend : score - open;
      f = f - extend > score - open ? f - extend : score - open;
    }
  }
  return most;
}

void run_task(const uint8_t *parameters, size_t parameters_size, const uint8_t *input, size_t input_size) {
  const uint8_t *end = input + input_size;
  if (parameters_size != 12 || input_size < 4) refuse("bad input");
  int32_t gap_open = READ(int32_t, parameters), gap_extend = READ(int32_t, parameters);
  top = READ(uint32_t, parameters);
  hit_count = 0;
  uint8_t codes[256];
  make_codes(codes);
  const uint8_t *text = input + 4, *query_end = text + *(const uint32_t *)input;
  uint8_t *query = take(query_end - text + 1), *target = take(input_size);
  uint32_t query_length = read_record(codes, &text, query_end, query);
  uint32_t segments = (query_length + 7) / 8;
  __m128i *profile = take(segments * RESIDUES * 16), *before = take(segments * 16), *here = take(segments * 16);
  __m128i *e = take(segments * 16);
  for (uint32_t residue = 0; residue < RESIDUES; residue++) {
    int16_t *row = (int16_t *)(profile + residue * segments);
    for (uint32_t s = 0; s < segments; s++) {
      for (uint32_t lane = 0; lane < 8; lane++) {
        uint32_t position = lane * segments + s;
        row[s * 8 + lane] = position < query_length ? blosum62[residue * RESIDUES + query[position]] : -128;
      }
    }
  }
  const __m128i open = _mm_set1_epi16((int16_t)(gap_open + gap_extend)), extend = _mm_set1_epi16((int16_t)gap_extend);
  const __m128i zero = _mm_setzero_si128();
  while (text < end) {
    hit found = {.name = text + 1};
    while (found.name_length < NAME_MAX && found.name + found.name_length < end && found.name[found.name_length] > 0x20) found.name_length++;
    uint32_t length = found.residues = read_record(codes, &text, end, target);
    memset(before, 0, segments * 16);
    memset(e, 0, segments * 16);
    __m128i best = zero;
    for (uint32_t j = 0; j < length; j++) {
      const __m128i *scores = profile + target[j] * segments;
      __m128i h = _mm_slli_si128(before[segments - 1], 2), f = zero;
      for (uint32_t s = 0; s < segments; s++) {
        h = _mm_max_epi16(_mm_adds_epi16(h, scores[s]), e[s]);
        h = _mm_max_epi16(_mm_max_epi16(h, f), zero);
        best = _mm_max_epi16(best, h);
        here[s] = h;
        h = _mm_subs_epi16(h, open);
        e[s] = _mm_max_epi16(_mm_subs_epi16(e[s], extend), h);
        f = _mm_max_epi16(_mm_subs_epi16(f, extend), h);
        h = before[s];
      }
      f = _mm_slli_si128(f, 2);
      for (uint32_t s = 0;;) {
        h = here[s];
        __m128i limit = _mm_max_epi16(_mm_subs_epi16(h, open), zero);
        if (_mm_movemask_epi8(_mm_cmpgt_epi16(f, limit)) == 0) break;
        here[s] = _mm_max_epi16(h, f);
        f = _mm_subs_epi16(f, extend);
        if (++s == segments) {
          s = 0;
          f = _mm_slli_si128(f, 2);
        }
      }
      __m128i *swap = before;
      before = here;
      here = swap;
    }
    int16_t lanes[8];
    _mm_storeu_si128((__m128i *)lanes, best);
    for (int lane = 0; lane < 8; lane++) {
      if (lanes[lane] > found.score) found.score = lanes[lane];
    }
    if (found.score == 32767) {
      found.score = plain_score(query, query_length, target, length, gap_open + gap_extend, gap_extend);
    }
    keep(found);
  }
  for (uint32_t i = 0; i < hit_count; i++) {
    put_u32((uint32_t)hits[i].score);
    put_u32(hits[i].residues);
    put_u32(hits[i].name_length);
    put_bytes(hits[i].name, hits[i].name_length);
  }
}
