// How glibc keeps memory that has been freed.
#pragma once

namespace dojo::base {

/// Lets buffers of up to 4 MiB be used again, as bodies and answers of this size come and go all
/// the time. By itself glibc gives them back and has the kernel make and clear new pages for the
/// next one, which is up to a fifth of what a body of 1 MiB costs. At most 16 MiB are kept so by
/// each of a few arenas (one a processor, at least four), which is what threads share. To be called
/// before there are any. See mallopt(3).
void keep_freed_buffers();

}  // namespace dojo::base
