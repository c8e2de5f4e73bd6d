/* kernels/path-trace in C: the same arithmetic in float, one sphere at a time. */
#include "task.h"
#include <math.h>

#define BOUNCES 12
#define FIELD 5
#define SPHERES_MAX 128
#define NEAR 0.001f
#define FAR 1e30f
#define VIEW 0.18f

enum { CLAY, METAL, GLASS, LAMP };

typedef struct {
  float x, y, z;
} vector;

static struct {
  float x[SPHERES_MAX], y[SPHERES_MAX], z[SPHERES_MAX], square[SPHERES_MAX];
  float red[SPHERES_MAX], green[SPHERES_MAX], blue[SPHERES_MAX], rough[SPHERES_MAX];
  uint32_t matter[SPHERES_MAX];
  int count;
} spheres;

static uint64_t state;

static inline uint32_t word(void) {
  uint64_t old = state;
  state = old * 6364136223846793005u + 1442695040888963407u;
  uint32_t mixed = (uint32_t)(((old >> 18) ^ old) >> 27), turn = (uint32_t)(old >> 59);
  return mixed >> turn | mixed << (-turn & 31);
}

static inline float uniform(void) { return (float)(word() >> 8) / 16777216; }

static inline uint64_t mix(uint64_t value) {
  uint64_t z = value + 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static inline vector plus(vector a, vector b) { return (vector){a.x + b.x, a.y + b.y, a.z + b.z}; }
static inline vector scaled(vector a, float by) { return (vector){a.x * by, a.y * by, a.z * by}; }
static inline float dot(vector a, vector b) { return a.x * b.x + a.y * b.y + a.z * b.z; }

static void add_sphere(float x, float y, float z, float radius, uint32_t matter, float red, float green, float blue,
                       float rough) {
  int i = spheres.count++;
  spheres.x[i] = x, spheres.y[i] = y, spheres.z[i] = z, spheres.square[i] = radius * radius;
  spheres.red[i] = red, spheres.green[i] = green, spheres.blue[i] = blue, spheres.rough[i] = rough;
  spheres.matter[i] = matter;
}

static void make_scene(uint32_t scene) {
  spheres.count = 0;
  add_sphere(0, 1, 0, 1, GLASS, 1, 1, 1, 0);
  add_sphere(-4, 1, 0, 1, CLAY, 0.6f, 0.2f, 0.1f, 0);
  add_sphere(4, 1, 0, 1, METAL, 0.8f, 0.7f, 0.5f, 0);
  add_sphere(2, 6, 5, 1.5f, LAMP, 9, 8, 6, 0);
  state = mix(scene);
  for (int a = -FIELD; a <= FIELD; a++) {
    for (int b = -FIELD; b <= FIELD; b++) {
      float kind = uniform(), x = (float)a + 0.8f * uniform(), z = (float)b + 0.8f * uniform();
      float red = uniform(), green = uniform(), blue = uniform();
      if (z > -1.3f && z < 1.3f &&
          ((x > -5.3f && x < -2.7f) || (x > -1.3f && x < 1.3f) || (x > 2.7f && x < 5.3f))) {
        continue;
      }
      if (kind < 0.7f) {
        add_sphere(x, 0.2f, z, 0.2f, CLAY, red * red, green * green, blue * blue, 0);
      } else if (kind < 0.9f) {
        add_sphere(x, 0.2f, z, 0.2f, METAL, 0.5f + 0.5f * red, 0.5f + 0.5f * green, 0.5f + 0.5f * blue, 0.3f * kind);
      } else {
        add_sphere(x, 0.2f, z, 0.2f, GLASS, 1, 1, 1, 0);
      }
    }
  }
}

static inline int meet(vector o, vector d, float *distance) {
  float nearest = FAR;
  int which = -1;
  for (int i = 0; i < spheres.count; i++) {
    float x = spheres.x[i] - o.x, y = spheres.y[i] - o.y, z = spheres.z[i] - o.z;
    float along = x * d.x + y * d.y + z * d.z;
    float inside = along * along - (x * x + y * y + z * z - spheres.square[i]);
    if (!(inside > 0)) continue;
    float half = sqrtf(inside), first = along - half, at = first > NEAR ? first : along + half;
    if (at > NEAR && at < nearest) {
      nearest = at;
      which = i;
    }
  }
  *distance = nearest;
  return which;
}

static inline float draw_in_ball(vector *ball) {
  for (;;) {
    ball->x = uniform() * 2 - 1;
    ball->y = uniform() * 2 - 1;
    ball->z = uniform() * 2 - 1;
    float square = dot(*ball, *ball);
    if (square <= 1 && square >= 0.0001f) return square;
  }
}

static vector trace_path(vector o, vector d) {
  vector light = {1, 1, 1};
  for (int bounce = 0; bounce < BOUNCES; bounce++) {
    float distance;
    int index = meet(o, d, &distance);
    float to_floor = d.y < 0 ? -o.y / d.y : FAR;
    int is_floor = to_floor > NEAR && to_floor < distance;
    if (is_floor) distance = to_floor;
    else if (index < 0) {
      float t = (d.y + 1) * 0.5f;
      return (vector){light.x * (1 - t + t * 0.5f), light.y * (1 - t + t * 0.7f), light.z};
    }
    o = plus(o, scaled(d, distance));
    vector n = {0, 1, 0};
    uint32_t matter = CLAY;
    float rough = 0;
    if (is_floor) {
      light = scaled(light, (((int32_t)floorf(o.x) ^ (int32_t)floorf(o.z)) & 1) != 0 ? 0.7f : 0.25f);
    } else {
      float radius = sqrtf(spheres.square[index]);
      n = (vector){(o.x - spheres.x[index]) / radius, (o.y - spheres.y[index]) / radius,
                   (o.z - spheres.z[index]) / radius};
      light.x *= spheres.red[index];
      light.y *= spheres.green[index];
      light.z *= spheres.blue[index];
      rough = spheres.rough[index];
      matter = spheres.matter[index];
    }
    if (matter == LAMP) return light;
    float against = dot(d, n);
    vector ball;
    if (matter == CLAY) {
      float size = sqrtf(draw_in_ball(&ball));
      d = (vector){n.x + ball.x / size, n.y + ball.y / size, n.z + ball.z / size};
    } else if (matter == METAL) {
      draw_in_ball(&ball);
      float twice = 2 * against;
      d = (vector){d.x - twice * n.x + rough * ball.x, d.y - twice * n.y + rough * ball.y,
                   d.z - twice * n.z + rough * ball.z};
    } else {
      int is_leaving = against > 0;
      float ratio = is_leaving ? 1.5f : 1 / 1.5f, cosine = is_leaving ? against : -against;
      float sine2 = ratio * ratio * (1 - cosine * cosine), bent = sine2 < 1 ? sqrtf(1 - sine2) : 0;
      float x = 1 - (is_leaving ? bent : cosine), reflected = 0.04f + 0.96f * (x * x * (x * x) * x);
      if (sine2 >= 1 || uniform() < reflected) {
        d = plus(d, scaled(n, -(2 * against)));
      } else {
        float side = ratio * cosine - bent;
        d = plus(scaled(d, ratio), scaled(n, is_leaving ? -side : side));
      }
    }
    float length = sqrtf(dot(d, d));
    if (length < 0.0001f || (matter == METAL && dot(d, n) <= 0)) break;
    d = (vector){d.x / length, d.y / length, d.z / length};
  }
  return (vector){0, 0, 0};
}

static uint8_t shade(float light) { return (uint8_t)(sqrtf(light < 1 ? light : 1) * 255 + 0.5f); }

void run_task(const uint8_t *parameters, size_t parameters_size, const uint8_t *input, size_t input_size) {
  if (parameters_size != 24 || input_size != 16) refuse("bad input");
  uint32_t width = READ(uint32_t, parameters), height = READ(uint32_t, parameters);
  uint32_t samples = READ(uint32_t, parameters), scene = READ(uint32_t, parameters);
  uint64_t seed = READ(uint64_t, parameters);
  uint32_t tile_x = READ(uint32_t, input), tile_y = READ(uint32_t, input);
  uint32_t tile_width = READ(uint32_t, input), tile_height = READ(uint32_t, input);
  make_scene(scene);
  vector eye = {13, 2, 3}, forward = {-13, 0.4f - 2, -3};
  float distance = sqrtf(dot(forward, forward));
  forward = (vector){forward.x / distance, forward.y / distance, forward.z / distance};
  float across = sqrtf(forward.x * forward.x + forward.z * forward.z), aspect = (float)width / (float)height;
  float rx = -forward.z / across, rz = forward.x / across;
  vector up = {-(rz * forward.y) * VIEW, (rz * forward.x - rx * forward.z) * VIEW, rx * forward.y * VIEW};
  float right_x = rx * VIEW * aspect, right_z = rz * VIEW * aspect;
  for (uint32_t py = tile_y; py < tile_y + tile_height; py++) {
    for (uint32_t px = tile_x; px < tile_x + tile_width; px++) {
      vector sum = {0, 0, 0};
      uint64_t pixel = mix(seed) ^ ((uint64_t)py << 32) ^ px;
      for (uint32_t sample = 0; sample < samples; sample++) {
        state = mix(mix(pixel) + sample);
        float u = ((float)px + uniform()) / (float)width * 2 - 1;
        float v = 1 - ((float)py + uniform()) / (float)height * 2;
        vector d = {forward.x + right_x * u + up.x * v, forward.y + up.y * v, forward.z + right_z * u + up.z * v};
        float length = sqrtf(dot(d, d));
        sum = plus(sum, trace_path(eye, (vector){d.x / length, d.y / length, d.z / length}));
      }
      float share = 1 / (float)samples;
      uint8_t rgb[3] = {shade(sum.x * share), shade(sum.y * share), shade(sum.z * share)};
      put_bytes(rgb, 3);
    }
  }
}
