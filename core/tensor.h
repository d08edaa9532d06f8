#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/dtype.h"
#include "core/layout.h"
#include "core/shape.h"
#include "core/storage.h"

namespace fanin {

struct GraphMeta;  // core/autograd.h

/// An n-dimensional array: a small value made of shape, dtype and layout, and two shared parts, the bytes and the
/// record of how autograd got here. Copying shares both; detach() shares only the bytes.
///
/// Reading through raw() or data() never changes anything. Writing goes through mutable_raw() and mutable_data() and
/// is seen by every tensor that shares the bytes; operators write only tensors they have just made. Asking for a span
/// to write is what counts as a write: fill it before the tensor is used again, and ask anew for the next write.
class Tensor final {
 public:
  /// Undefined: no shape, no bytes; what an optional argument such as a bias is when absent.
  Tensor() = default;

  /// Uninitialised elements (NaN in builds with assertions), except the padding lanes of a blocked layout: zero.
  static Tensor empty(const Shape& shape, DType dtype = DType::f32, Layout layout = {});
  static Tensor zeros(const Shape& shape, DType dtype = DType::f32, Layout layout = {});
  static Tensor full(const Shape& shape, double value, DType dtype = DType::f32);
  /// Shape and dtype without bytes: a parameter before its initialiser. Reading it throws UnsetError.
  static Tensor unset(const Shape& shape, DType dtype = DType::f32);
  /// Shape, dtype and layout of `other`; uninitialised.
  static Tensor like(const Tensor& other) { return empty(other.shape(), other.dtype(), other.layout()); }
  /// A copy of `values`, row-major.
  template <class T>
  static Tensor from(std::span<const T> values, const Shape& shape);
  template <class T>
  static Tensor from(const std::vector<T>& values, const Shape& shape) {
    return from(std::span<const T>(values), shape);
  }

  bool defined() const { return storage_ != nullptr; }
  explicit operator bool() const { return defined(); }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  Dim dim(int i) const { return shape_[i]; }
  Dim numel() const { return shape_.numel(); }
  DType dtype() const { return dtype_; }
  Layout layout() const { return layout_; }
  std::size_t bytes() const { return static_cast<std::size_t>(layout_.stored(shape_)) * size_of(dtype_); }
  bool is_set() const { return storage_ && storage_->is_set(); }

  /// Elements as stored, padding lanes of a blocked layout included. Two tensors' raw spans line up only if shape and
  /// layout agree: bring operands to one layout first, with to(layout).
  template <class T>
  std::span<const T> raw() const {
    return {reinterpret_cast<const T*>(read(dtype_of<T>)), stored()};
  }
  /// The same for writing. Padding lanes must be left, or set, to zero.
  template <class T>
  std::span<T> mutable_raw() {
    return {reinterpret_cast<T*>(write(dtype_of<T>)), stored()};
  }
  /// Elements in row-major order; the layout must be plain.
  template <class T>
  std::span<const T> data() const {
    insist_plain();
    return raw<T>();
  }
  template <class T>
  std::span<T> mutable_data() {
    insist_plain();
    return mutable_raw<T>();
  }
  /// The bytes as stored, whatever the dtype.
  const std::byte* raw_bytes() const { return read(dtype_); }
  std::byte* mutable_raw_bytes() { return write(dtype_); }

  /// The only element, as a double.
  double item() const;
  /// All elements in row-major order, as doubles. For tests, reports and printing.
  std::vector<double> values() const;

  /// The same elements in another layout; shares the bytes when nothing changes. Not recorded: layouts are not part
  /// of the mathematics.
  Tensor to(Layout layout) const;
  Tensor plain() const { return to(Layout::plain()); }
  /// The same elements in another dtype; shares the bytes when nothing changes. Floating types round to nearest; whole
  /// numbers cut fractions off, stay at the ends of their range, and take 0 for NaN; what is unset stays so. Not
  /// recorded: for data and files. The recorded operator is cast().
  Tensor as(DType dtype) const;
  /// Own bytes, no record.
  Tensor clone() const;
  /// Same bytes seen under another shape with as many elements; plain only. Not recorded: the operator is reshape().
  Tensor view(const Shape& shape) const;
  /// Same bytes, no record.
  Tensor detach() const;

  /// Overwrites the elements with those of `source`, converting dtype and layout. Shapes must agree.
  void copy_(const Tensor& source);
  void fill_(double value);

  /// Whether backward() is to deliver a gradient here. True for parameters and for results computed from them.
  bool requires_grad() const;
  /// Makes this tensor a leaf of the graph (or not). Handles copied earlier from an undecided tensor do not see it.
  Tensor& requires_grad_(bool on = true);
  /// Accumulated gradient of a leaf; undefined before the first backward(). Shared by all handles of the leaf.
  Tensor grad() const;
  /// Replaces it. An undefined one clears it, which any tensor may be asked, frozen ones included.
  void set_grad(Tensor gradient);

  const std::shared_ptr<GraphMeta>& meta() const { return meta_; }
  void attach(std::shared_ptr<GraphMeta> meta) { meta_ = std::move(meta); }
  const std::shared_ptr<Storage>& storage() const { return storage_; }
  std::uint64_t version() const { return storage_ ? storage_->version() : 0; }
  /// True if no other tensor shares the bytes: the holder may write into them.
  bool unique() const { return storage_.use_count() == 1; }
  /// Names a value in traces: results of different operators have different ids, copies of a handle the same.
  std::uint64_t id() const { return id_; }
  void renew_id();

 private:
  Tensor(const Shape& shape, DType dtype, Layout layout, Storage::Start start);
  std::size_t stored() const { return static_cast<std::size_t>(layout_.stored(shape_)); }
  const std::byte* read(DType expected) const;
  std::byte* write(DType expected);
  void insist_plain() const;

  Shape shape_;
  DType dtype_ = DType::f32;
  Layout layout_;
  std::uint64_t id_ = 0;
  std::shared_ptr<Storage> storage_;
  std::shared_ptr<GraphMeta> meta_;
};

using Tensors = std::vector<Tensor>;

}  // namespace fanin
