// A key and a certificate that vouches for itself, for peers that speak TLS.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include <openssl/ssl.h>

namespace dojo::testing {

class TlsIdentity {
 public:
  /// @param names as in a certificate: `IP:127.0.0.1,DNS:localhost`. @param lifetime from an hour
  /// ago; may be shorter than that.
  explicit TlsIdentity(const std::string& names,
                       std::chrono::seconds lifetime = std::chrono::hours(24));
  ~TlsIdentity();
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  [[nodiscard]] SSL_CTX* context() const { return context_.get(); }
  /// The certificate, for who shall trust it.
  [[nodiscard]] std::string pem_file() const { return pem_.string(); }

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::filesystem::path pem_;
};

}  // namespace dojo::testing
