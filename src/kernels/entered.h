// Around all tiles that a thread computes in a row: what the instruction set needs for them.
#pragma once

namespace hone::kernels {

template <class Kernel>
class Entered {
 public:
  explicit Entered(const Kernel& kernel) : kernel_(kernel) {
    if (kernel.enter) kernel.enter();
  }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
  ~Entered() {
    if (kernel_.leave) kernel_.leave();
  }

 private:
  const Kernel& kernel_;
};

}  // namespace hone::kernels
