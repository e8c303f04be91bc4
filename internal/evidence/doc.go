// Package evidence finds the published captures and vectors that tests are held against.
// They stand in the folder "shared" beside the checkout, under their own licence, and are
// never copied into the project. Without them a test that needs them is skipped and says
// so: go test -v shows which, and .ci/run counts it.
//
// Only tests import this package.
package evidence
