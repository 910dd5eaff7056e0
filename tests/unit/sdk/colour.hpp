struct Colour {
  std::uint32_t rgb = 0;
};

template <>
struct dojo::Json<Colour> {
  static constexpr JsonKinds kKinds{JsonKind::string};
  static bool read(JsonReader& in, Colour& out, Fault& fault) {
    std::string_view text;
    if (in.string(text) != JsonReader::Read::yes) return in.refuse(fault, "colour");
    const bool whole = text.size() == 7 && text.front() == '#';
    if (whole &&
        std::from_chars(text.data() + 1, text.data() + 7, out.rgb, 16).ptr == text.data() + 7) {
      return true;
    }
    return fault.add("expected colour such as #ff8800, got another string");
  }
  static bool write(JsonWriter& out, const Colour& value, Fault& fault) {
    if (value.rgb > 0xFFFFFF) return fault.add("colour of more than 24 bits");
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "#%06x", static_cast<unsigned>(value.rgb));
    return out.string(text.data());
  }
  static void describe(SchemaWriter& out) {
    out.member("type", "string");
    out.member("format", "color");
  }
};
