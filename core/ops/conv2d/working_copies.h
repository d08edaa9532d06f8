#pragma once

#include <memory>

#include "core/recently_used.h"
#include "core/tensor.h"

namespace fanin {

/// What a kernel makes of weights before it can use them: another order, a transform. A copy is kept from its second
/// use in one version of the weight on: training changes weights with every step and needs no copies, evaluation asks
/// for the same ones again and again. `Form` says how a copy lies in memory.
template <class Form>
class WorkingCopies final {
 public:
  explicit WorkingCopies(std::size_t limit) : copies_(limit) {}

  /// The copy of `weight` for the purpose `key` in the form asked for, made by `make()` where it is not kept.
  template <class Make>
  Tensor get(const Tensor& weight, std::vector<Dim> key, const Form& form, const Make& make) {
    key.push_back(static_cast<Dim>(reinterpret_cast<std::uintptr_t>(weight.storage().get())));
    for (const Dim size : weight.shape()) key.push_back(size);  // bytes may be seen in several shapes
    bool seen = true;
    Copy& copy = copies_.get(key, [&] {
      copies_.forget_if([](const Copy& old) { return old.owner.expired(); });
      seen = false;
      return Copy{};
    });
    seen = seen && copy.owner.lock() == weight.storage() && copy.version == weight.version() && copy.form == form;
    if (seen && copy.bytes.defined()) return copy.bytes;
    copy.bytes = {};  // before the new one is made
    Tensor made = make();
    copy = {weight.storage(), weight.version(), form, seen ? made : Tensor()};
    return made;
  }

  std::size_t size() const { return copies_.size(); }

 private:
  struct Copy {
    std::weak_ptr<Storage> owner;  // an address alone may be reused
    std::uint64_t version = 0;
    Form form = {};
    Tensor bytes;
  };
  RecentlyUsed<Copy> copies_;
};

}  // namespace fanin
