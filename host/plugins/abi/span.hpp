// Between the ABI's spans and the standard library's views. Neither owns anything.
#pragma once

#include <string_view>

#include <dojo/plugin.h>

namespace dojo::plugins {

inline std::string_view view(dojo_span span) {
  return span.size == 0 ? std::string_view() : std::string_view(span.data, span.size);
}

inline dojo_span span(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace dojo::plugins
