#include "taskmesh/http/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>

#include "taskmesh/base/check.hpp"

namespace taskmesh::http {

std::string sha256(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> octets{};
  unsigned int size = 0;
  TASKMESH_CHECK(EVP_Digest(text.data(), text.size(), octets.data(), &size, EVP_sha256(), nullptr) == 1);
  return {octets.begin(), octets.begin() + size};
}

bool same_digest(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace taskmesh::http
