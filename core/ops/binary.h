#pragma once

#include "core/ops/broadcast.h"
#include "core/ops/elementwise.h"

namespace fanin {

/// f over the elements of a and b, broadcast; nothing is recorded. An operand of one element is read where it stands,
/// not repeated in memory. f is a lambda of two arguments of any floating type, always inlined.
template <class F>
Tensor binary(std::string_view op, const Tensor& a, const Tensor& b, F f) {
  const auto operands = line_up(op, a, b);
  const Tensor& p = operands.first;
  const Tensor& q = operands.second;
  const bool p_is_one = p.shape() != q.shape() && p.numel() == 1;
  const bool q_is_one = p.shape() != q.shape() && !p_is_one;
  Tensor y = Tensor::like(p_is_one ? q : p);
  dispatch(y.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    if (p_is_one) {
      const C one = static_cast<C>(p.data<T>()[0]);
      elementwise<T>(
          y, [ f, one ](C v) __attribute__((always_inline)) { return f(one, v); }, q);
    } else if (q_is_one) {
      const C one = static_cast<C>(q.data<T>()[0]);
      elementwise<T>(
          y, [ f, one ](C v) __attribute__((always_inline)) { return f(v, one); }, p);
    } else {
      elementwise<T>(y, f, p, q);
    }
  });
  return y;
}

}  // namespace fanin
