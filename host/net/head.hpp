// The head of a request: its own bytes, and where in them things are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/container/small_vector.hpp>

namespace dojo::net {

/// What is looked up lives as long as the head does, and not after it has been moved from.
class Head {
 public:
  struct Field {
    std::string_view name;  ///< as it was written
    std::string_view value;
  };

  [[nodiscard]] std::string_view method() const { return at(method_); }
  /// In origin form with its query, if any (absolute form has been reduced to it, and its host made
  /// the Host), or `*` for OPTIONS.
  [[nodiscard]] std::string_view target() const { return at(target_); }
  /// The target without its query.
  [[nodiscard]] std::string_view path() const;
  [[nodiscard]] bool is_head() const { return method() == "HEAD"; }

  /// How many fields have that name. Names are compared without case.
  [[nodiscard]] std::size_t count(std::string_view name) const;
  /// The value of the only field of that name, empty if there is none or are several.
  [[nodiscard]] std::string_view value(std::string_view name) const;
  [[nodiscard]] std::size_t size() const { return fields_.size(); }
  /// The fields as they were sent, "name: value\r\n" for each. (Of a request in absolute form the
  /// Host may be another: see reduce_target().)
  [[nodiscard]] std::string_view lines() const { return at(lines_); }
  [[nodiscard]] Field operator[](std::size_t index) const {
    return {at(fields_[index].name), at(fields_[index].value)};
  }
  /// Calls `visit(value)` for each field of that name.
  template <class Visit>
  void for_each(std::string_view name, Visit visit) const {
    for (const auto& field : fields_) {
      if (is(field, name)) visit(at(field.value));
    }
  }

  /// For who makes one: what follows is about these bytes, which are copied. Whatever was known of
  /// others is forgotten.
  void assign(std::string_view bytes);
  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  /// Parts of bytes().
  void set_method(std::string_view part) { method_ = where(part); }
  void set_target(std::string_view part) { target_ = where(part); }
  void add(std::string_view name, std::string_view value);
  /// Takes a target in absolute form apart: the host becomes the Host's value, in the place of
  /// whatever was there, and the rest the target, with a slash before it. Views into bytes() end.
  /// @param host and @param rest parts of bytes()
  void reduce_target(std::string_view host, std::string_view rest);

 private:
  struct Part {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  static constexpr std::size_t kUsualFields = 16;
  struct Entry {
    Part name;
    Part value;
  };
  [[nodiscard]] Part where(std::string_view part) const;
  [[nodiscard]] bool is(const Entry& field, std::string_view name) const;
  Part append(std::string_view text);
  [[nodiscard]] std::string_view at(Part part) const {
    return std::string_view(bytes_).substr(part.begin, part.size);
  }

  std::string bytes_;
  Part method_;
  Part target_;
  Part lines_;
  boost::container::small_vector<Entry, kUsualFields> fields_;
};

}  // namespace dojo::net
