/* Is a page well-formed, and does it need nothing from outside? A tiny checker of tags, attributes and entities. */
#ifndef CT_TESTS_EVAL_HTML_CHECK_H
#define CT_TESTS_EVAL_HTML_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* Every tag is closed by its own name in order (or is of the form <x ... />), attributes are name="value" and no name
 * stands twice in a tag, < and & stand only where markup begins, the page begins with its DOCTYPE, and is UTF-8 without
 * control characters. On false `why` holds the reason with some of the text where it is. */
bool html_well_formed(const char *page, char *why, size_t size);
/* Fails the test unless the page is well-formed, and holds no script, no address but of data, nothing from a network. */
void html_expect_good(const char *page);
/* How often `part` stands in the page. */
int html_count(const char *page, const char *part);

#endif
