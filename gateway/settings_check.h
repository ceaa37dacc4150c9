/* Rules between the gateway's settings, which a table of keys cannot say. */
#ifndef POS_GATEWAY_SETTINGS_CHECK_H
#define POS_GATEWAY_SETTINGS_CHECK_H

#include "gateway/settings.h"

/* Adds to the report what does not go together. Of settings that were read as far as they could be.
 */
void pos_gateway_settings_check(const struct pos_gateway_settings *settings,
                                struct pos_config_report *report);

#endif
