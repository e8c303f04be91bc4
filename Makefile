# Short names for the steps of .ci/run, which holds the commands and says what they
# need. make check is what CI does. More steps: make bench, make bench-10k, make soak.

.DEFAULT_GOAL := check
.PHONY: check test vet race lint fuzz cross test-386 judge fresh browser bench bench-10k soak

check:
	@bash .ci/run

test vet race lint fuzz cross test-386 judge fresh browser bench bench-10k soak:
	@bash .ci/run $@
