#include "tls_identity.hpp"

#include <cstdio>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

namespace dojo::testing {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

void require(bool condition) {
  if (!condition) throw std::runtime_error("OpenSSL cannot make a certificate");
}

void add_extension(X509* certificate, int which, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
      X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str()), X509_EXTENSION_free);
  require(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

Certificate make_certificate(EVP_PKEY* key, const std::string& names,
                             std::chrono::seconds lifetime) {
  constexpr long kHour = 3600;
  constexpr long kVersion3 = 2;
  Certificate made(X509_new(), X509_free);
  X509* const certificate = made.get();
  require(certificate && X509_set_version(certificate, kVersion3) == 1);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -kHour);
  X509_gmtime_adj(X509_getm_notAfter(certificate), static_cast<long>(lifetime.count()) - kHour);
  auto* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("a miner of a test"), -1, -1,
                             0);
  require(X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1);
  add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, NID_subject_alt_name, names);
  require(X509_sign(certificate, key, EVP_sha256()) > 0);
  return made;
}

}  // namespace

TlsIdentity::TlsIdentity(const std::string& names, std::chrono::seconds lifetime)
    : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
  const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  require(context_ && key);
  const auto certificate = make_certificate(key.get(), names, lifetime);
  require(SSL_CTX_use_certificate(context_.get(), certificate.get()) == 1 &&
          SSL_CTX_use_PrivateKey(context_.get(), key.get()) == 1);
  std::string file = (std::filesystem::temp_directory_path() / "dojo-certificate-XXXXXX").string();
  const int descriptor = mkstemp(file.data());
  require(descriptor >= 0);
  pem_ = file;
  const std::unique_ptr<FILE, decltype(&std::fclose)> out(fdopen(descriptor, "w"), std::fclose);
  require(out && PEM_write_X509(out.get(), certificate.get()) == 1);
}

TlsIdentity::~TlsIdentity() {
  std::error_code ignored;
  std::filesystem::remove(pem_, ignored);
}

}  // namespace dojo::testing
