// openssl.hpp: OpenSSL's objects as values that are freed, and its errors as words.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace tandem::tls {

template <auto free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    free(object);
  }
};

inline void free_certificates(STACK_OF(X509) * all) { sk_X509_pop_free(all, &X509_free); }

using BioPtr = std::unique_ptr<BIO, Freed<&BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<&EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Freed<&X509_free>>;
// Of certificates that it shares.
using CertificateStack = std::unique_ptr<STACK_OF(X509), Freed<&free_certificates>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freed<&X509_EXTENSION_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freed<&GENERAL_NAMES_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, Freed<&SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Freed<&SSL_free>>;

// The newest error that OpenSSL has noted on this thread, a few words; forgets all of them.
std::string openssl_reason();

// The bytes of a text, as long as it lives.
std::string_view text_of(const ASN1_STRING* text);
// Nothing when there is none, or no time that can be told.
std::optional<std::chrono::system_clock::time_point> time_of(const ASN1_TIME* time);

}  // namespace tandem::tls
