#include "core/ops/operators.h"

#include "core/ops/add.h"
#include "core/ops/add_relu.h"
#include "core/ops/batch_norm2d/batch_norm2d.h"
#include "core/ops/conv2d/conv2d.h"
#include "core/ops/relu.h"

namespace fanin {

std::vector<OpInfo> operators() {
  return {
      add_info(), add_relu_info(), batch_norm2d_info(), conv2d_info(), relu_info(),
  };
}

}  // namespace fanin
