/* SPDX-License-Identifier: MIT */
#ifndef HOST_TMP_H
#define HOST_TMP_H

/* A file under $TMPDIR without a name: it is gone when its last user is, however that ends. */
int tmp_file(void);

#endif
