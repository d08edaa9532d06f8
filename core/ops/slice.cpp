#include "core/ops/slice.h"

#include <algorithm>

#include "core/autograd.h"
#include "core/ops/arguments.h"
#include "core/ops/places.h"

namespace fanin {

namespace {

/// A slice with its bounds inside [0, size].
Slice resolved(Slice slice, Dim size) {
  check(slice.step > 0, "slice: a step must be positive, got ", slice.step);
  const auto place = [size](Dim bound) { return std::clamp(bound < 0 ? bound + size : bound, Dim{0}, size); };
  return {place(slice.start), place(slice.stop), slice.step};
}

Dim count(const Slice& s) { return s.start < s.stop ? (s.stop - s.start - 1) / s.step + 1 : 0; }

/// Attributes as ONNX spells them: starts, ends and steps of every dimension.
Attributes attributes(const std::vector<Slice>& slices) {
  std::vector<Dim> starts, ends, steps;
  for (const Slice& s : slices) {
    starts.push_back(s.start);
    ends.push_back(s.stop);
    steps.push_back(s.step);
  }
  return {{"starts", starts}, {"ends", ends}, {"steps", steps}};
}

}  // namespace

Tensor slice(const Tensor& x, const std::vector<Slice>& slices) {
  check_floating("slice", x);
  check(slices.size() <= static_cast<std::size_t>(x.rank()), "slice: ", slices.size(), " slices for a tensor of shape ",
        x.shape());
  Shape box = x.shape();
  Places places = row_major(x.shape());
  std::vector<Slice> all;
  for (int d = 0; d < x.rank(); ++d) {
    const auto i = static_cast<std::size_t>(d);
    const Slice s = all.emplace_back(resolved(i < slices.size() ? slices[i] : Slice{}, x.dim(d)));
    box[d] = count(s);
    places.first += s.start * places[d];
    places[d] *= s.step;
  }
  Tensor y = Tensor::empty(box, x.dtype());
  copy_places(box, x.plain(), places, y, row_major(box));
  return record({"slice", attributes(all)}, y, {x}, [shape = x.shape(), places](const Tensor& dy, Needs) -> Tensors {
    Tensor dx = Tensor::zeros(shape, dy.dtype());
    copy_places(dy.shape(), dy.plain(), row_major(dy.shape()), dx, places);
    return {dx};
  });
}

OpInfo slice_info() {
  const auto of = [](std::vector<Slice> slices) { return [=](const Tensors& in) { return slice(in[0], slices); }; };
  return {.name = "slice",
          .samples = {{"vector", {{7}}, of({{1, 6, 2}})},
                      {"image", {{2, 21, 4, 5}}, of({{}, {2, -1, 3}, {-3}, {.step = 2}})},
                      {"first dimension", {{4, 3}}, of({{1, 3}})},
                      {"none", {{4, 3}}, of({})},
                      {"nothing left", {{4, 3}}, of({{3, 1}})},
                      {"empty", {{0, 3}}, of({{0, 2}, {1}})}},
          .rejects = {{"too many",
                       [] {
                         slice(Tensor::zeros({2}), {{}, {}});
                       },
                       "2 slices"},
                      {"step",
                       [] {
                         slice(Tensor::zeros({2}), {{0, 2, 0}});
                       },
                       "step must be positive"},
                      {"integers",
                       [] {
                         slice(Tensor::zeros({2}, DType::u8), {{0, 1}});
                       },
                       "u8"}}};
}

}  // namespace fanin
