#include "layers/pooling.h"

#include "core/ops/adaptive_avg_pool2d.h"

namespace fanin {

namespace {
/// Size is Size2 or Size3.
template <class Size>
std::string description(Size kernel, Size stride, Size padding) {
  return text("kernel ", kernel, ", stride ", stride == Size(0) ? kernel : stride,
              padding == Size(0) ? "" : text(", padding ", padding));
}
}  // namespace

std::string MaxPool2d::describe() const { return description(options.kernel, options.stride, options.padding); }
std::string AvgPool2d::describe() const { return description(options.kernel, options.stride, options.padding); }
std::string MaxPool3d::describe() const { return description(options.kernel, options.stride, options.padding); }
Tensor AdaptiveAvgPool2d::forward(const Tensor& x) { return adaptive_avg_pool2d(x, output_); }

}  // namespace fanin
