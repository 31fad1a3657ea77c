// The discrete Fourier transform in double precision, for any length in n log n steps.
#pragma once

#include <complex>
#include <vector>

namespace hone {

// X[k] = sum over n of x[n] exp(-2 pi i k n / N), or, inverse, with the other sign and divided by
// N.
class Fourier {
 public:
  Fourier(size_t length, bool inverse);
  void transform(std::vector<std::complex<double>>& x) const;

 private:
  using Values = std::vector<std::complex<double>>;
  void radix_two(Values& x, bool inverse) const;

  size_t length_, padded_;  // padded: a power of two
  bool inverse_;
  Values roots_;           // of unity, of the padded length
  Values chirp_, filter_;  // for lengths that are no power of two (Bluestein 1970)
};

}  // namespace hone
