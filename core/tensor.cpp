#include "core/tensor.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/autograd.h"
#include "core/threads.h"

namespace fanin {

namespace {

std::atomic<std::uint64_t> next_id{1};

/// A value in another type. Whole numbers cut fractions off; beyond their range they stay at its end, NaN becomes 0.
template <class To, class From>
[[gnu::always_inline]] inline To converted(From value) {
  if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    constexpr From low = static_cast<From>(std::numeric_limits<To>::min());
    constexpr From end = std::is_same_v<To, std::uint8_t> ? From(256) : From(0x1p63);
    if (!(value >= low)) return value < low ? std::numeric_limits<To>::min() : To(0);
    return value < end ? static_cast<To>(value) : std::numeric_limits<To>::max();
  } else if constexpr (std::is_same_v<To, std::uint8_t> && std::is_same_v<From, std::int64_t>) {
    return static_cast<To>(std::clamp<From>(value, 0, 255));
  } else {
    return static_cast<To>(value);
  }
}

/// Copies element by element between layouts and dtypes; `to` must hold zeros in its padding lanes.
template <class From, class To>
void transfer(const Tensor& from, Tensor& to) {
  const From* source = from.raw<From>().data();
  To* target = to.mutable_raw<To>().data();
  if (from.numel() == 0) return;
  if (from.layout() == to.layout()) {
    parallel_for(static_cast<Dim>(from.raw<From>().size()), 1 << 16, [&](Dim begin, Dim end) {
      for (Dim i = begin; i < end; ++i) target[i] = converted<To>(static_cast<compute_t<From>>(source[i]));
    });
    return;
  }
  const Shape& shape = from.shape();
  const Dim C = shape[1];
  const Dim S = shape.numel_from(2);
  const Dim A = from.layout().block;
  const Dim B = to.layout().block;
  parallel_for(shape[0] * to.layout().blocks(shape), grain_for(S * B), [&](Dim begin, Dim end) {
    for (Dim nb = begin; nb < end; ++nb) {
      const Dim n = nb / to.layout().blocks(shape);
      const Dim first = nb % to.layout().blocks(shape) * B;
      for (Dim c = first; c < std::min(first + B, C); ++c) {
        const From* in = source + ((n * from.layout().blocks(shape) + c / A) * S) * A + c % A;
        To* out = target + (nb * S) * B + c % B;
        for (Dim s = 0; s < S; ++s) out[s * B] = converted<To>(static_cast<compute_t<From>>(in[s * A]));
      }
    }
  });
}

void transfer_any(const Tensor& from, Tensor& to) {
  const auto move = [&] {
    dispatch_all(from.dtype(),
                 [&]<class From>() { dispatch_all(to.dtype(), [&]<class To>() { transfer<From, To>(from, to); }); });
  };
  from.layout() == to.layout() ? move() : trace_reorder(from, to.layout(), move);
}

}  // namespace

Tensor::Tensor(const Shape& shape, DType dtype, Layout layout, Storage::Start start)
    : shape_(shape), dtype_(dtype), layout_(layout), id_(next_id++) {
  shape.check_sizes();
  layout.check_fits(shape);
  storage_ = std::make_shared<Storage>(bytes(), start);
}

Tensor Tensor::empty(const Shape& shape, DType dtype, Layout layout) {
  shape.check_sizes();
  layout.check_fits(shape);
  const bool padded = layout.stored(shape) != shape.numel();
  Tensor result(shape, dtype, layout, padded ? Storage::Start::zero : Storage::Start::uninitialised);
#ifndef NDEBUG
  if (!padded && is_floating(dtype) && shape.numel() > 0)  // so that "not written" cannot pass for zero
    dispatch(dtype, [&]<class T>() {
      std::ranges::fill(result.mutable_raw<T>(), T(std::numeric_limits<float>::quiet_NaN()));
    });
#endif
  return result;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, Layout layout) {
  return {shape, dtype, layout, Storage::Start::zero};
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype) {
  Tensor result(shape, dtype, {}, Storage::Start::uninitialised);
  result.fill_(value);
  return result;
}

Tensor Tensor::unset(const Shape& shape, DType dtype) { return {shape, dtype, {}, Storage::Start::unset}; }

template <class T>
Tensor Tensor::from(std::span<const T> values, const Shape& shape) {
  shape.check_sizes();
  check(static_cast<Dim>(values.size()) == shape.numel(), "a tensor of shape ", shape, " has ", shape.numel(),
        " elements, got ", values.size());
  Tensor result(shape, dtype_of<T>, {}, Storage::Start::uninitialised);
  std::ranges::copy(values, result.mutable_raw<T>().begin());
  return result;
}
template Tensor Tensor::from(std::span<const float>, const Shape&);
template Tensor Tensor::from(std::span<const double>, const Shape&);
template Tensor Tensor::from(std::span<const bfloat16>, const Shape&);
template Tensor Tensor::from(std::span<const std::int64_t>, const Shape&);
template Tensor Tensor::from(std::span<const std::uint8_t>, const Shape&);

const std::byte* Tensor::read(DType expected) const {
  check<ShapeError>(defined(), "an undefined tensor was read");
  check<DTypeError>(dtype_ == expected, "a tensor of dtype ", dtype_, " was read as ", expected);
  check<UnsetError>(
      storage_->is_set(), "a parameter of shape ", shape_,
      " is read before it was set: apply an initialiser or load weights first; what no visit() names gets neither");
  return storage_->read();
}

std::byte* Tensor::write(DType expected) {
  check<ShapeError>(defined(), "an undefined tensor was written");
  check<DTypeError>(dtype_ == expected, "a tensor of dtype ", dtype_, " was written as ", expected);
  return storage_->write();
}

void Tensor::insist_plain() const {
  check(layout_.is_plain(), "a tensor of layout ", layout_, " is not row-major: call plain() first");
}

double Tensor::item() const {
  check(numel() == 1, "item() needs a tensor of one element, got shape ", shape_);
  return values().front();
}

std::vector<double> Tensor::values() const {
  std::vector<double> result(static_cast<std::size_t>(numel()));
  const Tensor flat = plain();
  dispatch_all(dtype_, [&]<class T>() {
    std::ranges::transform(flat.data<T>(), result.begin(), [](T value) { return static_cast<double>(value); });
  });
  return result;
}

Tensor Tensor::to(Layout layout) const {
  if (layout == layout_ || !defined()) return *this;
  Tensor result = empty(shape_, dtype_, layout);
  transfer_any(*this, result);
  result.meta_ = meta_;
  result.id_ = id_;
  return result;
}

Tensor Tensor::as(DType dtype) const {
  if (dtype == dtype_) return *this;
  if (defined() && !is_set()) return unset(shape_, dtype);
  Tensor result = empty(shape_, dtype, layout_);
  transfer_any(*this, result);
  return result;
}

Tensor Tensor::clone() const {
  if (!defined()) return {};
  Tensor result(shape_, dtype_, layout_, is_set() ? Storage::Start::uninitialised : Storage::Start::unset);
  if (is_set() && bytes() > 0) std::memcpy(result.storage_->write(), raw_bytes(), bytes());
  return result;
}

Tensor Tensor::view(const Shape& shape) const {
  insist_plain();
  check(shape.numel() == numel(), "cannot view ", shape_, " as ", shape, ": the numbers of elements differ");
  Tensor result = detach();
  result.shape_ = shape;
  return result;
}

Tensor Tensor::detach() const {
  Tensor result = *this;
  result.meta_.reset();
  return result;
}

void Tensor::copy_(const Tensor& source) {
  check(shape_ == source.shape_, "cannot copy shape ", source.shape_, " into ", shape_);
  if (dtype_ == source.dtype_ && layout_ == source.layout_) {
    const std::byte* from = source.raw_bytes();  // before the write, which would make unset bytes count as set
    if (bytes() > 0 && storage_ != source.storage_) std::memcpy(write(dtype_), from, bytes());
    return;
  }
  transfer_any(source, *this);
}

void Tensor::fill_(double value) {
  check(layout_.is_plain(), "fill_ needs a plain tensor");
  dispatch_all(dtype_, [&]<class T>() { std::ranges::fill(mutable_raw<T>(), converted<T>(value)); });
}

bool Tensor::requires_grad() const { return meta_ && meta_->requires_grad; }

Tensor& Tensor::requires_grad_(bool on) {
  check(defined(), "requires_grad_: an undefined tensor has no gradient");
  check<DTypeError>(!on || is_floating(dtype_), "only floating tensors have gradients, this one is ", dtype_);
  if (!meta_ && on) meta_ = std::make_shared<GraphMeta>();
  if (meta_) {
    check<NumericError>(!meta_->producer, "requires_grad_ is for leaves; this tensor was computed: detach() it first");
    meta_->requires_grad = on;
  }
  return *this;
}

Tensor Tensor::grad() const { return meta_ ? meta_->grad : Tensor(); }

void Tensor::set_grad(Tensor gradient) {
  if (!gradient.defined()) {
    if (meta_) meta_->grad = {};
    return;
  }
  check<NumericError>(requires_grad() && !meta_->producer, "set_grad is for leaves that require a gradient");
  check(gradient.shape() == shape_, "the gradient of ", shape_, " cannot have shape ", gradient.shape());
  check<DTypeError>(gradient.dtype() == dtype_, "the gradient of a tensor of ", dtype_, " cannot be ",
                    gradient.dtype());
  meta_->grad = std::move(gradient);
}

void Tensor::renew_id() { id_ = next_id++; }

}  // namespace fanin
