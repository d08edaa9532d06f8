#include "models/resnet.h"

#include "models/arguments.h"

namespace fanin {

namespace {

const ResNet18Options& checked(const ResNet18Options& options) {
  check_count("ResNet18", "classes", options.classes);
  check_count("ResNet18", "in_channels", options.in_channels);
  check_count("ResNet18", "width", options.width);
  return options;
}

Sequential make_stage(Dim in, Dim out, Dim stride) {
  Sequential blocks;
  blocks.add("0", BasicBlock(in, out, stride));
  blocks.add("1", BasicBlock(out, out, 1));
  return blocks;
}

}  // namespace

BasicBlock::BasicBlock(Dim in, Dim out, Dim stride)
    : conv1(in, out, {.kernel = 3, .stride = stride, .padding = 1, .bias = false}),
      bn1(out),
      conv2(out, out, {.kernel = 3, .padding = 1, .bias = false}),
      bn2(out) {
  if (in == out && stride == 1) return;
  downsample.add("0", Conv2d(in, out, {.stride = stride, .bias = false}));
  downsample.add("1", BatchNorm2d(out));
}

Tensor BasicBlock::forward(const Tensor& x) {
  const Tensor h = conv2(bn1.then_relu(conv1(x)));
  return bn2.then_add_relu(h, downsample(x));
}

void BasicBlock::visit(ModuleVisitor& v) {
  v.child("conv1", conv1);
  v.child("bn1", bn1);
  v.child("conv2", conv2);
  v.child("bn2", bn2);
  v.child("downsample", downsample);
}

void BasicBlock::visit_as_built(ModuleVisitor& v) {
  v.child("downsample", downsample);
  v.child("conv1", conv1);
  v.child("bn1", bn1);
  v.child("conv2", conv2);
  v.child("bn2", bn2);
}

ResNet18::ResNet18(const ResNet18Options& wanted)
    : options(checked(wanted)),
      conv1(options.in_channels, options.width, {.kernel = 3, .padding = 1, .bias = false}),
      bn1(options.width),
      layer1(make_stage(options.width, options.width, 1)),
      layer2(make_stage(options.width, options.width * 2, 2)),
      layer3(make_stage(options.width * 2, options.width * 4, 2)),
      layer4(make_stage(options.width * 4, options.width * 8, 2)),
      fc(options.width * 8, options.classes) {}

Tensor ResNet18::forward(const Tensor& x) {
  const Tensor h = layer4(layer3(layer2(layer1(bn1.then_relu(conv1(x))))));
  return fc(global_average(h));
}

void ResNet18::visit(ModuleVisitor& v) {
  v.child("conv1", conv1);
  v.child("bn1", bn1);
  v.child("layer1", layer1);
  v.child("layer2", layer2);
  v.child("layer3", layer3);
  v.child("layer4", layer4);
  v.child("fc", fc);
}

std::string ResNet18::describe() const { return text("width ", options.width, ", ", options.classes, " classes"); }

}  // namespace fanin
