#include "models/resnext50.h"

#include "core/ops/pool2d/pool2d.h"
#include "models/arguments.h"

namespace fanin {

namespace {

constexpr Dim cardinality = 32;
constexpr Dim base_width = 4;

const ResNeXt50Options& checked(const ResNeXt50Options& options) {
  check_count("ResNeXt50", "classes", options.classes);
  check_count("ResNeXt50", "in_channels", options.in_channels);
  return options;
}

Sequential make_stage(Dim in, Dim planes, Dim blocks, Dim stride) {
  const Dim out = 4 * planes;
  const Dim width = cardinality * base_width * planes / 64;
  Sequential stage;
  for (Dim b = 0; b < blocks; ++b)
    stage.add(text(b), Bottleneck(b == 0 ? in : out, out, b == 0 ? stride : 1, width, cardinality));
  return stage;
}

}  // namespace

Bottleneck::Bottleneck(Dim in, Dim out, Dim stride, Dim width, Dim groups)
    : conv1(in, width, {.bias = false}),
      bn1(width),
      conv2(width, width, {.kernel = 3, .stride = stride, .padding = 1, .groups = groups, .bias = false}),
      bn2(width),
      conv3(width, out, {.bias = false}),
      bn3(out) {
  if (in == out && stride == 1) return;
  downsample.add("0", Conv2d(in, out, {.stride = stride, .bias = false}));
  downsample.add("1", BatchNorm2d(out));
}

Tensor Bottleneck::forward(const Tensor& x) {
  Tensor h = bn1.then_relu(conv1(x));
  h = conv3(bn2.then_relu(conv2(h)));
  return bn3.then_add_relu(h, downsample(x));
}

void Bottleneck::visit(ModuleVisitor& v) {
  v.child("conv1", conv1);
  v.child("bn1", bn1);
  v.child("conv2", conv2);
  v.child("bn2", bn2);
  v.child("conv3", conv3);
  v.child("bn3", bn3);
  v.child("downsample", downsample);
}

void Bottleneck::visit_as_built(ModuleVisitor& v) {
  v.child("downsample", downsample);
  v.child("conv1", conv1);
  v.child("bn1", bn1);
  v.child("conv2", conv2);
  v.child("bn2", bn2);
  v.child("conv3", conv3);
  v.child("bn3", bn3);
}

ResNeXt50::ResNeXt50(const ResNeXt50Options& wanted)
    : options(checked(wanted)),
      conv1(options.in_channels, 64, {.kernel = 7, .stride = 2, .padding = 3, .bias = false}),
      bn1(64),
      layer1(make_stage(64, 64, 3, 1)),
      layer2(make_stage(256, 128, 4, 2)),
      layer3(make_stage(512, 256, 6, 2)),
      layer4(make_stage(1024, 512, 3, 2)),
      fc(2048, options.classes) {}

Tensor ResNeXt50::forward(const Tensor& x) {
  const Tensor stem = max_pool2d(bn1.then_relu(conv1(x)), {.kernel = 3, .stride = 2, .padding = 1});
  const Tensor h = layer4(layer3(layer2(layer1(stem))));
  return fc(global_average(h));
}

void ResNeXt50::visit(ModuleVisitor& v) {
  v.child("conv1", conv1);
  v.child("bn1", bn1);
  v.child("layer1", layer1);
  v.child("layer2", layer2);
  v.child("layer3", layer3);
  v.child("layer4", layer4);
  v.child("fc", fc);
}

}  // namespace fanin
