/* See brings_libraries.c. */
const char* zoo_word(void);
const char* zoo_word(void) {
  return RELEASE;
}
