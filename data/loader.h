#pragma once

#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <vector>

#include "core/tensor.h"
#include "data/augment.h"
#include "data/dataset.h"

namespace fanin {

/// Images of one size and one number of channels as a batch [N, C, H, W] of f32, f64 or bf16, plain: in f32
/// ((value / 255) − mean) / std, three rounded steps with true divisions, then cast.
Tensor to_tensor(std::span<const Image> images, const Normalisation& normalisation, DType dtype = DType::f32);

struct Batch {
  Tensor images;             // [N, C, H, W], plain
  Tensor labels;             // [N], i64
  std::vector<Dim> indices;  // of the samples in the data set
  Dim number = 0;            // from 0 within the epoch
};

struct LoaderOptions {
  Dim batch_size = 32;
  bool shuffle = false;    // a new order every epoch; otherwise data-set order
  bool drop_last = false;  // leave out a last batch that would be smaller
  std::uint64_t seed = 0;
  Augment augment = {};
  DType dtype = DType::f32;
  Normalisation normalisation = {};  // mean, std or both; otherwise the data set's
  int workers = -1;                  // threads that prepare batches; 0: next() does it itself; −1: default_workers()
  Dim prefetch = 2;                  // batches prepared ahead of the one in use
  std::size_t cache_bytes = std::size_t{1} << 29;  // decoded images kept: the first that fit. Never changes a result
};

/// Threads that prepare batches unless told: one for every eight of the thread budget, at least one; none if the
/// budget is one thread. Preparing an image takes a small fraction of the time a training step takes on it, so the
/// workers mostly sleep and the computation keeps the whole budget.
int default_workers();

/// Batches of a data set, prepared ahead by threads of its own. What comes depends only on the data, the options and
/// the number of the epoch: not on the threads, and not on where in an epoch it started.
///
///   for (const Batch& batch : loader.epoch(3)) step(batch.images, batch.labels);
///
/// The order of an epoch and the augmentation of a sample are drawn from Streams keyed by (seed, epoch, …).
class Loader final {
 public:
  /// Throws ShapeError for a batch size below 1 or options that leave no batch.
  Loader(std::shared_ptr<const Dataset> data, LoaderOptions options);
  ~Loader();  // at any moment; waits only for images being decoded
  Loader(Loader&&) noexcept;
  Loader& operator=(Loader&&) noexcept;

  const Dataset& data() const;
  const LoaderOptions& options() const;
  /// Batches an epoch has.
  Dim batches() const;
  /// Sample numbers in the order of an epoch.
  std::vector<Dim> order(Dim epoch) const;

  /// Begins epoch `epoch` at batch `first`; whatever was under way is dropped.
  void start(Dim epoch, Dim first = 0);
  /// The next batch, or nothing at the epoch's end. An exception met in preparing it comes out here.
  std::optional<Batch> next();

  class Iterator {
   public:
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(Loader* loader) : loader_(loader), batch_(loader->next()) {}
    Batch& operator*() { return *batch_; }
    Batch* operator->() { return &*batch_; }
    Iterator& operator++() {
      batch_.reset();  // its memory serves the next one
      batch_ = loader_->next();
      return *this;
    }
    bool operator==(std::default_sentinel_t) const { return !batch_; }

   private:
    Loader* loader_;
    std::optional<Batch> batch_;
  };
  struct Epoch {
    Loader* loader;
    Iterator begin() const { return Iterator(loader); }
    std::default_sentinel_t end() const { return {}; }
  };
  /// start(), as a range to loop over once.
  Epoch epoch(Dim epoch, Dim first = 0) {
    start(epoch, first);
    return {this};
  }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fanin
