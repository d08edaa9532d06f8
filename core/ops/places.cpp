#include "core/ops/places.h"

#include <algorithm>

#include "core/threads.h"

namespace fanin {

namespace {

/// Goes through the rows of a block (all but its last dimension) and knows where each starts.
class Rows final {
 public:
  Dim from, to;

  Rows(const Shape& block, const Places& source, const Places& target, Dim row)
      : from(source.first), to(target.first), block_(block), source_(source), target_(target) {
    for (int d = block.rank() - 2; d >= 0; --d) {
      at_[d] = row % block[d];
      row /= block[d];
      from += at_[d] * source[d];
      to += at_[d] * target[d];
    }
  }

  void next() {
    for (int d = block_.rank() - 2; d >= 0; --d) {
      from += source_[d];
      to += target_[d];
      if (++at_[d] < block_[d]) return;
      from -= source_[d] * block_[d];
      to -= target_[d] * block_[d];
      at_[d] = 0;
    }
  }

 private:
  Shape block_;
  Places source_, target_, at_;
};

template <class T>
void copy_row(const T* from, Dim from_step, T* to, Dim to_step, Dim count) {
  if (from_step == 1 && to_step == 1)
    std::copy_n(from, count, to);
  else if (from_step == 0 && to_step == 1)
    std::fill_n(to, count, *from);
  else
    for (Dim i = 0; i < count; ++i) to[i * to_step] = from[i * from_step];
}

}  // namespace

Places row_major(const Shape& shape) {
  Places result;
  Dim step = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    result[d] = step;
    step *= shape[d];
  }
  return result;
}

void copy_places(const Shape& block, const Tensor& from, const Places& source, Tensor& to, const Places& target) {
  if (block.numel() == 0) return;
  const int last = block.rank() - 1;
  const Dim width = last < 0 ? 1 : block[last];
  const Dim from_step = last < 0 ? 1 : source[last];
  const Dim to_step = last < 0 ? 1 : target[last];
  dispatch_all(from.dtype(), [&]<class T>() {
    const T* const in = from.data<T>().data();
    T* const out = to.mutable_data<T>().data();
    parallel_for(block.numel() / width, 1 + (1 << 13) / width, [&](Dim begin, Dim end) {
      Rows row(block, source, target, begin);
      for (Dim i = begin; i < end; ++i, row.next()) copy_row(in + row.from, from_step, out + row.to, to_step, width);
    });
  });
}

}  // namespace fanin
