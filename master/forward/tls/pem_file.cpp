#include "master/forward/tls/pem_file.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/base/small_file.hpp"
#include "master/forward/tls/limits.hpp"

namespace tandem::master::tls {

Error refuse_file(std::string_view flag, const std::string& file, std::string_view why) {
  return invalid(fmt::format("{}: {} {}", flag, file, why), std::string(flag));
}

Result<std::string> read_text_file(const std::string& file, std::string_view flag) {
  auto content = read_small_file(file, limits::certificate_bytes_max);
  if (!content) return refuse_file(flag, file, content.error().message);
  if (content->empty()) return refuse_file(flag, file, "is empty");
  return content;
}

Result<std::vector<std::shared_ptr<X509>>> read_certificates(const std::string& file,
                                                             std::string_view flag) {
  const auto content = read_text_file(file, flag);
  if (!content) return content.error();
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bytes(
      BIO_new_mem_buf(content->data(), static_cast<int>(content->size())), &BIO_free_all);
  std::vector<std::shared_ptr<X509>> chain;
  ERR_clear_error();
  while (X509* const each = PEM_read_bio_X509(bytes.get(), nullptr, nullptr, nullptr)) {
    chain.emplace_back(each, &X509_free);
  }
  const auto last = ERR_peek_last_error();
  const bool ended =
      ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  const auto reason = openssl_reason();
  if (!ended) return refuse_file(flag, file, fmt::format("holds a broken certificate: {}", reason));
  if (chain.empty()) return refuse_file(flag, file, "holds no certificate in PEM");
  return chain;
}

std::string openssl_reason() {
  const auto error = ERR_peek_last_error();
  const char* text = ERR_reason_error_string(error);
  ERR_clear_error();
  return text != nullptr ? text : "unknown error";
}

}  // namespace tandem::master::tls
