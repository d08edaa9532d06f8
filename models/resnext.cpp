#include "models/resnext.h"

#include <cmath>

#include "models/arguments.h"

namespace fanin {

namespace {

Dim stage_width(const CifarResNeXtOptions& options, int stage) {
  return static_cast<Dim>(64 * options.widen_factor) << (stage - 1);
}

const CifarResNeXtOptions& checked(const CifarResNeXtOptions& options) {
  check_count("CifarResNeXt", "cardinality", options.cardinality);
  check_count("CifarResNeXt", "classes", options.classes);
  check_count("CifarResNeXt", "base_width", options.base_width);
  check_count("CifarResNeXt", "in_channels", options.in_channels);
  const double width = 64 * options.widen_factor;
  check(width >= 1 && width <= 1e6 && width == std::floor(width),
        "CifarResNeXt: widen_factor must make 64 * widen_factor a whole number of channels, got ",
        options.widen_factor);
  check_count("CifarResNeXt", "depth", options.depth);
  const Dim below = std::max<Dim>((options.depth - 2) / 9, 1) * 9 + 2;
  check(options.depth == below,
        "CifarResNeXt: depth must be 9n + 2 (n blocks of three layers in each of three stages, ",
        "a stem and a classifier), got ", options.depth, "; nearest are ", below, " and ", below + 9);
  return options;
}

Sequential make_stage(const CifarResNeXtOptions& options, int stage) {
  const Dim out = stage_width(options, stage);
  const Dim width = options.cardinality * (options.base_width << (stage - 1));
  Dim in = stage == 1 ? 64 : stage_width(options, stage - 1);
  Sequential blocks;
  for (Dim b = 0; b < (options.depth - 2) / 9; ++b) {
    const Dim stride = b == 0 && stage > 1 ? 2 : 1;
    blocks.add(text("stage_", stage, "_bottleneck_", b),
               ResNeXtBottleneck(in, out, stride, width, options.cardinality));
    in = out;
  }
  return blocks;
}

}  // namespace

ResNeXtBottleneck::ResNeXtBottleneck(Dim in, Dim out, Dim stride, Dim width, Dim cardinality)
    : conv_reduce(in, width, {.bias = false}),
      bn_reduce(width),
      conv_conv(width, width, {.kernel = 3, .stride = stride, .padding = 1, .groups = cardinality, .bias = false}),
      bn(width),
      conv_expand(width, out, {.bias = false}),
      bn_expand(out) {
  if (in == out) return;
  shortcut.add("shortcut_conv", Conv2d(in, out, {.stride = stride, .bias = false}));
  shortcut.add("shortcut_bn", BatchNorm2d(out));
}

Tensor ResNeXtBottleneck::forward(const Tensor& x) {
  Tensor h = bn_reduce.then_relu(conv_reduce(x));
  h = bn.then_relu(conv_conv(h));
  h = conv_expand(h);
  return bn_expand.then_add_relu(h, shortcut(x));
}

void ResNeXtBottleneck::visit(ModuleVisitor& v) {
  v.child("conv_reduce", conv_reduce);
  v.child("bn_reduce", bn_reduce);
  v.child("conv_conv", conv_conv);
  v.child("bn", bn);
  v.child("conv_expand", conv_expand);
  v.child("bn_expand", bn_expand);
  v.child("shortcut", shortcut);
}

CifarResNeXt::CifarResNeXt(const CifarResNeXtOptions& wanted)
    : options(checked(wanted)),
      conv_1_3x3(options.in_channels, 64, {.kernel = 3, .padding = 1, .bias = false}),
      bn_1(64),
      stage_1(make_stage(options, 1)),
      stage_2(make_stage(options, 2)),
      stage_3(make_stage(options, 3)),
      classifier(stage_width(options, 3), options.classes) {}

Tensor CifarResNeXt::forward(const Tensor& x) {
  const Tensor h = stage_3(stage_2(stage_1(bn_1.then_relu(conv_1_3x3(x)))));
  return classifier(global_average(h));
}

void CifarResNeXt::visit(ModuleVisitor& v) {
  v.child("conv_1_3x3", conv_1_3x3);
  v.child("bn_1", bn_1);
  v.child("stage_1", stage_1);
  v.child("stage_2", stage_2);
  v.child("stage_3", stage_3);
  v.child("classifier", classifier);
}

std::string CifarResNeXt::describe() const {
  return text("depth ", options.depth, ", ", options.cardinality, "x", options.base_width, "d, widen ",
              options.widen_factor, ", ", options.classes, " classes");
}

}  // namespace fanin
