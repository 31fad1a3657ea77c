// The search for scales of runs, one in each lane, for the instruction set of the including file.
// Products and sums are rounded one by one: every instruction set finds the same.
#pragma once

#include "kernels/vector.h"

namespace hone::kernels {
namespace {

constexpr int kLanes = 16;  // runs of a group
constexpr float kHuge = 3e38f;

// Element i of run k is at [i][k].
struct Group {
  static constexpr int kMost = 64;
  alignas(64) float x[kMost][kLanes], w[kMost][kLanes], wx[kMost][kLanes];
  int n = 0;  // elements of a run
};

// Runs that are not there are zeros. Without importance an element weighs what is typical of its
// run and what it is itself: errors of large elements matter more.
void gather(Group& g, const float* x, const float* importance, int runs) {
  for (int k = 0; k < kLanes; ++k) {
    const float* from = x + k * g.n;
    float sum = 0;
    if (k < runs && importance == nullptr) {
      for (int i = 0; i < g.n; ++i) sum += from[i] * from[i];
    }
    const float typical = __builtin_sqrtf(sum / float(g.n));
    for (int i = 0; i < g.n; ++i) {
      const float v = k < runs ? from[i] : 0;
      const float weight = k >= runs    ? 1.0f
                           : importance ? importance[k * g.n + i]
                                        : typical + __builtin_fabsf(v);
      g.x[i][k] = v;
      g.w[i][k] = weight;
      g.wx[i][k] = weight * v;
    }
  }
}

inline Vector clamped(Vector v, Vector least, Vector most) { return min(max(v, least), most); }
inline Vector inverse(Vector v) {
  return select(Vector::zero() < absolute(v), Vector::all(1.0f) / v, Vector::zero());
}

// Calls with the first lane of each vector of a group.
template <class Part>
void each_part(const Part& part) {
  for (int k = 0; k < kLanes; k += int(Vector::kWidth)) part(k);
}

// --- codes from 0 to `most`: x = scale * code + offset ------------------------------------------

struct AffineFit {
  Vector scale, offset, gain;  // gain: what the fit takes away from the sum of w * x * x
};

struct AffineSums {
  Vector l = Vector::zero(), l2 = Vector::zero(), xl = Vector::zero();
  void add(Vector w, Vector wx, Vector code) {
    const Vector wl = w * code;
    l = l + wl;
    l2 = l2 + wl * code;
    xl = xl + wx * code;
  }
};

// The best scale and offset of the codes with these sums; offsets above zero only where they may
// be.
AffineFit fit(const AffineSums& s, Vector w, Vector wx, bool any_offset) {
  const Vector zero = Vector::zero(), determinant = w * s.l2 - s.l * s.l;
  Vector scale = (w * s.xl - wx * s.l) / determinant;
  Vector offset = (s.l2 * wx - s.l * s.xl) / determinant;
  if (!any_offset) {
    const Mask above = zero < offset;
    scale = select(above, s.xl / s.l2, scale);
    offset = select(above, zero, offset);
  }
  Vector gain = scale * s.xl + offset * wx;
  gain = select(zero < determinant, gain, Vector::all(-kHuge));
  return {scale, offset, select(zero < scale, gain, Vector::all(-kHuge))};
}

void keep_better(AffineFit& best, const AffineFit& other) {
  const Mask better = best.gain < other.gain;
  best.scale = select(better, other.scale, best.scale);
  best.offset = select(better, other.offset, best.offset);
  best.gain = select(better, other.gain, best.gain);
}

struct AffineSearch {
  float most;         // code
  float first, step;  // scales are tried for which the range is this much more than `most` codes
  int steps;
  int rounds;       // of new codes for the best fit
  bool any_offset;  // else none above zero
};

void search_affine(const Group& g, const AffineSearch& search, float* scales, float* offsets) {
  each_part([&](int k) {
    Vector least = Vector::load(&g.x[0][k]), most = least;
    Vector w = Vector::zero(), wx = Vector::zero();
    for (int i = 0; i < g.n; ++i) {
      const Vector x = Vector::load(&g.x[i][k]);
      least = min(least, x);
      most = max(most, x);
      w = w + Vector::load(&g.w[i][k]);
      wx = wx + Vector::load(&g.wx[i][k]);
    }
    if (!search.any_offset) least = min(least, Vector::zero());
    const Vector range = most - least, top = Vector::all(search.most), per = inverse(range);
    AffineFit best{range * Vector::all(1.0f / search.most), least, Vector::all(-kHuge)};
    for (int c = 0; c < search.steps; ++c) {
      const Vector by = per * Vector::all(search.most + (search.first + search.step * float(c)));
      AffineSums sums;
      for (int i = 0; i < g.n; ++i) {
        const Vector code = rounded(min((Vector::load(&g.x[i][k]) - least) * by, top));
        sums.add(Vector::load(&g.w[i][k]), Vector::load(&g.wx[i][k]), code);
      }
      keep_better(best, fit(sums, w, wx, search.any_offset));
    }
    for (int round = 0; round < search.rounds; ++round) {
      const Vector by = inverse(best.scale);
      AffineSums sums;
      for (int i = 0; i < g.n; ++i) {
        const Vector code =
            clamped((Vector::load(&g.x[i][k]) - best.offset) * by, Vector::zero(), top);
        sums.add(Vector::load(&g.w[i][k]), Vector::load(&g.wx[i][k]), rounded(code));
      }
      keep_better(best, fit(sums, w, wx, search.any_offset));
    }
    best.scale.store(scales + k);
    best.offset.store(offsets + k);
  });
}

// The nearest codes of x = scale * code - least.
inline Vector affine_code(Vector x, Vector by, Vector least, Vector top) {
  return rounded(clamped((x + least) * by, Vector::zero(), top));
}

// Scales and minima as integers up to `limit` times the steps of their lanes.
struct AffineSteps {
  float scale_step[kLanes], least_step[kLanes];
  float scale[kLanes], least[kLanes];  // the integers
  float error[kLanes];
};

// Tries the neighbours of the integers on the error that comes out.
void choose_affine(const Group& g, float most, float limit, int reach, AffineSteps& s) {
  each_part([&](int k) {
    const Vector scale_step = Vector::load(s.scale_step + k),
                 least_step = Vector::load(s.least_step + k);
    const Vector scale = Vector::load(s.scale + k), least = Vector::load(s.least + k);
    const Vector zero = Vector::zero(), top = Vector::all(most), high = Vector::all(limit);
    Vector best = Vector::all(kHuge), best_scale = scale, best_least = least;
    for (int a = -reach; a <= reach; ++a) {
      const Vector p = clamped(scale + Vector::all(float(a)), zero, high), by_code = p * scale_step;
      const Vector by = inverse(by_code);
      for (int b = -reach; b <= reach; ++b) {
        const Vector q = clamped(least + Vector::all(float(b)), zero, high), off = q * least_step;
        Vector error = zero;
        for (int i = 0; i < g.n; ++i) {
          const Vector x = Vector::load(&g.x[i][k]);
          const Vector miss = by_code * affine_code(x, by, off, top) - off - x;
          error = error + Vector::load(&g.w[i][k]) * miss * miss;
        }
        const Mask better = error < best;
        best = select(better, error, best);
        best_scale = select(better, p, best_scale);
        best_least = select(better, q, best_least);
      }
    }
    best_scale.store(s.scale + k);
    best_least.store(s.least + k);
    best.store(s.error + k);
  });
}

// The codes that go with the steps, and what the best steps for them are solved from.
struct AffineCodes {
  float code[Group::kMost][kLanes];
  float w[kLanes], wx[kLanes], l[kLanes], l2[kLanes], xl[kLanes];
};
void affine_codes(const Group& g, float most, const AffineSteps& s, AffineCodes& out) {
  each_part([&](int k) {
    const Vector by = inverse(Vector::load(s.scale + k) * Vector::load(s.scale_step + k));
    const Vector off = Vector::load(s.least + k) * Vector::load(s.least_step + k);
    const Vector top = Vector::all(most);
    AffineSums sums;
    Vector w = Vector::zero(), wx = Vector::zero();
    for (int i = 0; i < g.n; ++i) {
      const Vector code = affine_code(Vector::load(&g.x[i][k]), by, off, top);
      code.store(&out.code[i][k]);
      w = w + Vector::load(&g.w[i][k]);
      wx = wx + Vector::load(&g.wx[i][k]);
      sums.add(Vector::load(&g.w[i][k]), Vector::load(&g.wx[i][k]), code);
    }
    w.store(out.w + k);
    wx.store(out.wx + k);
    sums.l.store(out.l + k);
    sums.l2.store(out.l2 + k);
    sums.xl.store(out.xl + k);
  });
}

// --- levels around zero: x = scale * level ------------------------------------------------------

// Integers from `least` to `most`.
struct EvenLevels {
  float least, most;
  float end() const { return least; }
  Vector nearest(Vector x) const {
    return rounded(clamped(x, Vector::all(least), Vector::all(most)));
  }
  Vector code(Vector level) const { return level - Vector::all(least); }
};

// Sixteen levels of a table, and what lies half way between neighbours.
struct TableLevels {
  const float* levels;
  const float* middles;  // 15
  float end() const { return levels[0]; }
  Vector nearest(Vector x) const {
    Vector out = Vector::all(levels[0]);
    for (int i = 0; i < 15; ++i)
      out = select(Vector::all(middles[i]) < x, Vector::all(levels[i + 1]), out);
    return out;
  }
  Vector code(Vector level) const {
    Vector out = Vector::zero();
    for (int i = 0; i < 15; ++i)
      out = select(Vector::all(middles[i]) < level, Vector::all(float(i + 1)), out);
    return out;
  }
};

struct ScaleSearch {
  float first, step;  // the element farthest from zero is put to this much of the end of the levels
  int steps;
  int rounds;
};

struct ScaleFit {
  Vector scale, gain;
};
void keep_better(ScaleFit& best, Vector l2, Vector xl) {
  const Vector scale = xl * inverse(l2), gain = scale * xl;
  const Mask better = best.gain < gain;
  best.scale = select(better, scale, best.scale);
  best.gain = select(better, gain, best.gain);
}

template <class Levels>
void search_scale(const Group& g, const Levels& levels, const ScaleSearch& search, float* scales) {
  each_part([&](int k) {
    Vector farthest = Vector::zero();
    for (int i = 0; i < g.n; ++i) {
      const Vector x = Vector::load(&g.x[i][k]);
      farthest = select(absolute(farthest) < absolute(x), x, farthest);
    }
    const Vector per = inverse(farthest) * Vector::all(levels.end());
    ScaleFit best{Vector::zero(), Vector::zero()};
    const auto attempt = [&](Vector by) {
      Vector l2 = Vector::zero(), xl = Vector::zero();
      for (int i = 0; i < g.n; ++i) {
        const Vector level = levels.nearest(Vector::load(&g.x[i][k]) * by);
        l2 = l2 + Vector::load(&g.w[i][k]) * level * level;
        xl = xl + Vector::load(&g.wx[i][k]) * level;
      }
      keep_better(best, l2, xl);
    };
    for (int c = 0; c < search.steps; ++c) {
      attempt(per * Vector::all(search.first + search.step * float(c)));
    }
    for (int round = 0; round < search.rounds; ++round) attempt(inverse(best.scale));
    best.scale.store(scales + k);
  });
}

struct ScaleSteps {
  float step[kLanes];
  float scale[kLanes];  // the integers
  float error[kLanes];
};

template <class Levels>
void choose_scale(const Group& g, const Levels& levels, float low, float high, int reach,
                  ScaleSteps& s) {
  each_part([&](int k) {
    const Vector step = Vector::load(s.step + k), scale = Vector::load(s.scale + k);
    Vector best = Vector::all(kHuge), best_scale = scale;
    for (int a = -reach; a <= reach; ++a) {
      const Vector p = clamped(scale + Vector::all(float(a)), Vector::all(low), Vector::all(high));
      const Vector by_level = p * step, by = inverse(by_level);
      Vector error = Vector::zero();
      for (int i = 0; i < g.n; ++i) {
        const Vector x = Vector::load(&g.x[i][k]);
        const Vector miss = by_level * levels.nearest(x * by) - x;
        error = error + Vector::load(&g.w[i][k]) * miss * miss;
      }
      const Mask better = error < best;
      best = select(better, error, best);
      best_scale = select(better, p, best_scale);
    }
    best_scale.store(s.scale + k);
    best.store(s.error + k);
  });
}

struct ScaleCodes {
  float code[Group::kMost][kLanes];
  float l2[kLanes], xl[kLanes];
};
template <class Levels>
void scale_codes(const Group& g, const Levels& levels, const ScaleSteps& s, ScaleCodes& out) {
  each_part([&](int k) {
    const Vector by = inverse(Vector::load(s.scale + k) * Vector::load(s.step + k));
    Vector l2 = Vector::zero(), xl = Vector::zero();
    for (int i = 0; i < g.n; ++i) {
      const Vector level = levels.nearest(Vector::load(&g.x[i][k]) * by);
      levels.code(level).store(&out.code[i][k]);
      l2 = l2 + Vector::load(&g.w[i][k]) * level * level;
      xl = xl + Vector::load(&g.wx[i][k]) * level;
    }
    l2.store(out.l2 + k);
    xl.store(out.xl + k);
  });
}

}  // namespace
}  // namespace hone::kernels
