#include "tools/init_batch.h"

#include <algorithm>

#include "data/loader.h"

namespace fanin {

BatchSource init_batch(std::shared_ptr<const Dataset> train, const Normalisation& normalisation, std::uint64_t seed) {
  return [train = std::move(train), normalisation, seed, images = Tensor()]() mutable {
    if (!images) {
      Loader loader(train, {.batch_size = std::min<Dim>(128, train->size()),
                            .shuffle = true,
                            .seed = seed,
                            .normalisation = normalisation,
                            .workers = 0});
      loader.start(0);
      images = loader.next()->images;
    }
    return images;
  };
}

}  // namespace fanin
