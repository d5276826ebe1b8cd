/* SPDX-License-Identifier: MIT */
/* vm_sets.h: what those who own page sets tell the address spaces that map them.  No locks held. */
#pragma once
#include "mem/vm.h"

/* Pages [first, end) of @set are no more: programs fault if they touch them. */
void vm_unmap_pages(struct pageset *set, u64 first, u64 end);
/* They are about to be written to the disk: the next write to a shared one faults, and makes it dirty. */
void vm_protect_pages(struct pageset *set, u64 first, u64 end);
