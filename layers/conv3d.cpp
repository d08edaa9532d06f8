#include "layers/conv3d.h"

namespace fanin {

namespace {
bool at_least(Size3 size, Dim low) { return size.d >= low && size.h >= low && size.w >= low; }
}  // namespace

Conv3d::Conv3d(Dim in_channels, Dim out_channels, Conv3dLayerOptions o) : options(o) {
  check(in_channels >= 1 && out_channels >= 1, "Conv3d: channels must be at least 1, got ", in_channels, " and ",
        out_channels);
  check(at_least(o.kernel, 1), "Conv3d: kernel must be at least 1, got ", o.kernel);
  check(at_least(o.stride, 1), "Conv3d: stride must be at least 1, got ", o.stride);
  check(at_least(o.dilation, 1), "Conv3d: dilation must be at least 1, got ", o.dilation);
  check(at_least(o.padding, 0), "Conv3d: padding cannot be negative, got ", o.padding);
  check(o.groups >= 1 && in_channels % o.groups == 0 && out_channels % o.groups == 0, "Conv3d: groups=", o.groups,
        " must divide the ", in_channels, " input channels and the ", out_channels, " output channels");
  weight = Tensor::unset({out_channels, in_channels / o.groups, o.kernel.d, o.kernel.h, o.kernel.w}).requires_grad_();
  if (o.bias) bias = Tensor::unset({out_channels}).requires_grad_();
}

Tensor Conv3d::forward(const Tensor& x) {
  return conv3d(x, weight, bias, {options.stride, options.padding, options.dilation, options.groups});
}

void Conv3d::visit(ModuleVisitor& v) {
  v.parameter("weight", weight);
  if (bias.defined()) v.parameter("bias", bias);
}

std::string Conv3d::describe() const {
  std::string result = text(weight.dim(1) * options.groups, " → ", weight.dim(0), ", kernel ", options.kernel);
  if (options.stride != Size3(1)) result += text(", stride ", options.stride);
  if (options.padding != Size3(0)) result += text(", padding ", options.padding);
  if (options.dilation != Size3(1)) result += text(", dilation ", options.dilation);
  if (options.groups != 1) result += text(", groups ", options.groups);
  if (!options.bias) result += ", no bias";
  return result;
}

}  // namespace fanin
