#include "layers/conv2d.h"

namespace fanin {

Conv2d::Conv2d(Dim in_channels, Dim out_channels, Conv2dLayerOptions o) : options(o) {
  check(in_channels >= 1 && out_channels >= 1, "Conv2d: channels must be at least 1, got ", in_channels, " and ",
        out_channels);
  check(o.kernel.h >= 1 && o.kernel.w >= 1, "Conv2d: kernel must be at least 1, got ", o.kernel);
  check(o.stride.h >= 1 && o.stride.w >= 1, "Conv2d: stride must be at least 1, got ", o.stride);
  check(o.dilation.h >= 1 && o.dilation.w >= 1, "Conv2d: dilation must be at least 1, got ", o.dilation);
  check(o.padding.h >= 0 && o.padding.w >= 0, "Conv2d: padding cannot be negative, got ", o.padding);
  check(o.groups >= 1 && in_channels % o.groups == 0 && out_channels % o.groups == 0, "Conv2d: groups=", o.groups,
        " must divide the ", in_channels, " input channels and the ", out_channels, " output channels");
  weight = Tensor::unset({out_channels, in_channels / o.groups, o.kernel.h, o.kernel.w}).requires_grad_();
  if (o.bias) bias = Tensor::unset({out_channels}).requires_grad_();
}

Tensor Conv2d::forward(const Tensor& x) {
  return conv2d(x, weight, bias, {options.stride, options.padding, options.dilation, options.groups});
}

void Conv2d::visit(ModuleVisitor& v) {
  v.parameter("weight", weight);
  if (bias.defined()) v.parameter("bias", bias);
}

std::string Conv2d::describe() const {
  std::string result = text(weight.dim(1) * options.groups, " → ", weight.dim(0), ", kernel ", options.kernel);
  if (options.stride != Size2(1)) result += text(", stride ", options.stride);
  if (options.padding != Size2(0)) result += text(", padding ", options.padding);
  if (options.dilation != Size2(1)) result += text(", dilation ", options.dilation);
  if (options.groups != 1) result += text(", groups ", options.groups);
  if (!options.bias) result += ", no bias";
  return result;
}

}  // namespace fanin
