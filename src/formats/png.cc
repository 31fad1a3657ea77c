// The only user of libpng, whose errors are jumps: no object with a destructor may live in a
// function that they cross.
#include "formats/png.h"

#include <fmt/format.h>
#include <png.h>

#include <array>
#include <bit>
#include <csetjmp>
#include <cstring>

#include "base/checked.h"
#include "base/cursor.h"
#include "base/text.h"

namespace hone {
namespace {

constexpr std::array<unsigned char, 8> kMagic{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

// One decoding: what libpng's callbacks see of us.
struct Decoder {
  explicit Decoder(std::span<const std::byte> bytes) : file(bytes) {}
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }

  std::span<const std::byte> file;
  size_t at = 0;
  bool ended = false;  // more was asked for than there is
  std::array<char, 160> message{};
  png_structp png = nullptr;
  png_infop info = nullptr;
  // Found out by read_header.
  size_t width = 0, height = 0, row_bytes = 0, channels = 0, bits = 0;
};

void on_error(png_structp png, png_const_charp message) {
  auto& decoder = *static_cast<Decoder*>(png_get_error_ptr(png));
  std::strncpy(decoder.message.data(), message, decoder.message.size() - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}  // about what we do not use

void on_read(png_structp png, png_bytep out, size_t size) {
  auto& decoder = *static_cast<Decoder*>(png_get_io_ptr(png));
  if (size > decoder.file.size() - decoder.at) {
    decoder.ended = true;
    png_error(png, "the file ends early");
  }
  std::memcpy(out, decoder.file.data() + decoder.at, size);
  decoder.at += size;
}

// Everything up to the pixels, and what they shall look like. False after an error.
bool read_header(Decoder& d) {
  d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, on_error, on_warning);
  if (d.png == nullptr) return false;
  if (setjmp(png_jmpbuf(d.png)) != 0) return false;  // NOLINT: libpng knows no other way
  d.info = png_create_info_struct(d.png);
  if (d.info == nullptr) return false;
  png_set_read_fn(d.png, &d, on_read);
  // Texts, profiles and the like are skipped, not unpacked; transparency is no such chunk.
  png_set_keep_unknown_chunks(d.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(d.png, d.info);
  png_set_expand(d.png);
  if constexpr (std::endian::native == std::endian::little) png_set_swap(d.png);
  png_set_interlace_handling(d.png);
  png_read_update_info(d.png, d.info);
  d.width = png_get_image_width(d.png, d.info);
  d.height = png_get_image_height(d.png, d.info);
  d.row_bytes = png_get_rowbytes(d.png, d.info);
  d.channels = png_get_channels(d.png, d.info);
  d.bits = png_get_bit_depth(d.png, d.info);
  return true;
}

bool read_pixels(Decoder& d, png_bytepp rows) {
  if (setjmp(png_jmpbuf(d.png)) != 0) return false;  // NOLINT: as above
  png_read_image(d.png, rows);
  png_read_end(d.png, nullptr);
  return true;
}

Error refusal(const Decoder& d) {
  if (d.ended) {
    return fail(ErrorId::truncated,
                fmt::format("the image needs more than the {} bytes of the file", d.file.size()));
  }
  if (d.message[0] == '\0') return fail(ErrorId::over_memory, "there is no memory for the image");
  return fail(ErrorId::malformed,
              fmt::format("the image is damaged: {}", printable(d.message.data())));
}

}  // namespace

uint32_t PngImage::sample(uint64_t y, uint64_t x, size_t channel) const {
  const uint64_t index = (y * size.width + x) * channels + channel;
  if (!wide) return static_cast<uint32_t>(data[index]);
  uint16_t value;
  std::memcpy(&value, data.data() + 2 * index, sizeof value);
  return value;
}

bool looks_like_png(std::span<const std::byte> file) {
  return file.size() >= 4 && std::memcmp(file.data(), kMagic.data(), 4) == 0;
}

Result<PngSize> png_size(std::span<const std::byte> file) {
  Cursor cursor(file);
  const auto magic = TRY(cursor.take(kMagic.size(), "the signature of the image"));
  if (std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0)
    return fail(ErrorId::malformed, "the file does not begin with the signature of PNG");
  const auto length = TRY(cursor.take(4, "the header of the image"));
  const std::string_view type = TRY(cursor.take_text(4, "the header of the image"));
  constexpr std::array<unsigned char, 4> kHeader{0, 0, 0, 13};
  if (std::memcmp(length.data(), kHeader.data(), 4) != 0 || type != "IHDR")
    return fail(ErrorId::malformed, "the image does not begin with its header");
  const auto numbers = TRY(cursor.take(8, "the header of the image"));
  const auto big_endian = [&](size_t from) {
    uint64_t value = 0;
    for (size_t i = from; i < from + 4; ++i) value = value << 8 | static_cast<uint64_t>(numbers[i]);
    return value;
  };
  const PngSize size{big_endian(0), big_endian(4)};
  if (size.width == 0 || size.height == 0 || size.width > INT32_MAX || size.height > INT32_MAX)
    return fail(ErrorId::malformed,
                fmt::format("{} x {} pixels are no size of an image", size.width, size.height));
  return size;
}

Result<PngImage> read_png(std::span<const std::byte> file, Ledger& ledger) {
  const PngSize size = TRY(png_size(file));
  Decoder decoder(file);
  // libpng keeps a few rows at up to 8 bytes a pixel.
  TRY(ledger.charge(size.width * 8 * 4, "a row of the image"));
  if (!read_header(decoder)) return refusal(decoder);
  PngImage image;
  image.size = {decoder.width, decoder.height};
  image.channels = decoder.channels;
  image.wide = decoder.bits == 16;
  const uint64_t row = image.size.width * image.channels * (image.wide ? 2 : 1);
  const auto bytes = checked_mul<uint64_t>(row, image.size.height);
  if (image.channels < 1 || image.channels > 4 || (decoder.bits != 8 && decoder.bits != 16) ||
      row != decoder.row_bytes || !bytes)
    return fail(ErrorId::malformed, "the image has pixels of a kind that PNG does not have");
  TRY(ledger.charge(*bytes, "the pixels of the image"));
  TRY(ledger.charge(image.size.height * sizeof(png_bytep), "the rows of the image"));
  image.data.resize(*bytes);
  std::vector<png_bytep> rows(image.size.height);
  for (size_t y = 0; y < rows.size(); ++y)
    rows[y] = reinterpret_cast<png_bytep>(image.data.data() + y * row);
  if (!read_pixels(decoder, rows.data())) return refusal(decoder);
  return image;
}

}  // namespace hone
