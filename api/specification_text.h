/* Specifications as the text that the store keeps: the create body, made whole
 * (core/engine/specification_codec.h). */
#ifndef MLPD_API_SPECIFICATION_TEXT_H
#define MLPD_API_SPECIFICATION_TEXT_H

#include "core/engine/specification_codec.h"

extern const struct specification_codec specification_text;

#endif
