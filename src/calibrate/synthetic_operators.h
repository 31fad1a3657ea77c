// Single operators of random sizes, added to a program that is written as text.
#pragma once

#include <string>
#include <utility>

#include "calibrate/draw.h"
#include "calibrate/program_text.h"

namespace hone::calibrate {

// How large operators of a program are, as the multiply-adds or elements that one has.
struct Scale {
  double least, most;
};

// Adds one operator, behind one that makes its input as in a network.
class Operators {
 public:
  Operators(ProgramText& text, Draw& draw, Scale scale) : t_(text), d_(draw), scale_(scale) {}

  // Products.
  void linear();
  void linear_few_rows();
  void matmul();
  void quantized_linear();
  void block_linear(int64_t bits);

  // Convolutions and pooling.
  void conv(int64_t size, int64_t stride);
  void conv_of_threes();
  void conv_of_image();
  void depthwise();
  void bottleneck();
  void quantized_conv();
  void quantized_depthwise();
  void conv_transpose();
  void pool();
  void pool_of_planes();
  void global_pool();

  // Rows.
  void attention();
  void softmax();
  void row_norm();
  void plane_norm();
  void neighbours_norm();
  void reduce();
  void recurrent();

  // Elements, and where they go.
  void elementwise();
  void activation();
  void gated();
  void rotary();
  void transpose();
  void concat();
  void cut();
  void pad();
  void resize();
  void gather();
  void scatter();
  void quantize();
  void without_kernel();

 private:
  struct Image {
    int64_t height, width, channels;
    double elements() const { return double(height * width * channels); }
  };
  // Of at most so many elements.
  Image image(double most, int64_t most_channels);
  // Sizes whose work(image, filters) lies within the scale.
  template <class Work>
  std::pair<Image, int64_t> image_and_filters(Work work);
  // Two sizes with about this product.
  std::pair<int64_t, int64_t> split(double product, double most);
  // To a multiple, but for one in four.
  int64_t rounded(double n, int64_t unit);
  double elements() { return double(d_.size(256, std::clamp(scale_.most / 10, 2048.0, 6e6))); }
  Dims rows();

  // The result of an operator before.
  std::string made(const Dims& shape);
  // The same, its channels the last axis in memory, as [1, C, H, W].
  std::string made(const Image& image);
  std::string last_to_first(const std::string& x);
  std::string first_to_last(const std::string& x);
  std::string bytes(const std::string& x);
  std::string dequantized(const std::string& x);
  // Bytes as numbers that something is computed with.
  std::string read(const std::string& x);
  std::string signed_weight(const Dims& shape);
  void convolution(const Image& image, int64_t filters, int64_t size, int64_t stride,
                   int64_t group);
  std::string window(int64_t size, int64_t stride, int64_t group) const;
  // Text of a call, or the name of a result.
  void use(const std::string& text, size_t rank);

  ProgramText& t_;
  Draw& d_;
  Scale scale_;
};

}  // namespace hone::calibrate
