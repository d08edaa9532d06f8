#include "core/ops/cast.h"

#include "core/autograd.h"

namespace fanin {

Tensor cast(const Tensor& x, DType to) {
  check(x.defined(), "cast: the input is an undefined tensor");
  check<DTypeError>(is_floating(to), "cast: to f32, f64 or bf16, got ", to, "; as() converts without a gradient");
  if (x.dtype() == to) return x;
  Remake remake;  // a parameter stays where it is, its copy in another dtype need not
  if (x.meta() && !x.meta()->producer) remake = [saved = Saved(x), to] { return saved.get().as(to); };
  return record(
      {"cast", {{"to", std::string(name_of(to))}}}, x.as(to), {x},
      [from = x.dtype()](const Tensor& dy, Needs) -> Tensors { return {dy.as(from)}; }, std::move(remake));
}

OpInfo cast_info() {
  // There and back: f64 keeps every digit, so that the sample's differences are those of the identity.
  const auto call = [](const Tensors& in) { return cast(cast(in[0], DType::f64), in[0].dtype()); };
  return {.name = "cast",
          .samples = {{"vector", {{7}}, call}, {"image", {{2, 3, 4, 5}}, call}, {"empty", {{0, 3}}, call}},
          .rejects = {{"integers", [] { cast(Tensor::zeros({2}), DType::i64); }, "i64"}}};
}

}  // namespace fanin
