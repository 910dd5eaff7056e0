#include "base/allocator.hpp"

#include <algorithm>
#include <thread>

#include <malloc.h>

namespace dojo::base {

void keep_freed_buffers() {
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
  mallopt(M_ARENA_MAX, static_cast<int>(std::max(4U, std::thread::hardware_concurrency())));
}

}  // namespace dojo::base
