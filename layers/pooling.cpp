#include "layers/pooling.h"

#include "core/ops/adaptive_avg_pool2d.h"

namespace fanin {

namespace {
std::string description(const Pool2dOptions& o) {
  return text("kernel ", o.kernel, ", stride ", o.stride == Size2(0) ? o.kernel : o.stride,
              o.padding == Size2(0) ? "" : text(", padding ", o.padding));
}
}  // namespace

std::string MaxPool2d::describe() const { return description(options); }
std::string AvgPool2d::describe() const { return description(options); }
Tensor AdaptiveAvgPool2d::forward(const Tensor& x) { return adaptive_avg_pool2d(x, output_); }

}  // namespace fanin
