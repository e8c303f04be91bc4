package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"

	"github.com/purerfc/purerfc/rfc"
)

// Users are names and passwords. Names are compared without regard to case, as ABAP folds
// them; passwords exactly. A user whose password is empty cannot log on. Do not change the
// map while serving.
type Users map[string]rfc.Secret

var errRefused = errors.New("unknown user or wrong password")

// Authenticate checks a logon. Unknown users cost the same comparison as known ones.
func (u Users) Authenticate(_ context.Context, who *rfc.Peer) error {
	var want rfc.Secret
	found := 0
	for name, password := range u {
		if strings.EqualFold(name, who.Logon.User) {
			want, found = password, 0
			if password != "" {
				found = 1
			}
		}
	}
	a, b := sha256.Sum256([]byte(want)), sha256.Sum256([]byte(who.Logon.Password))
	if subtle.ConstantTimeCompare(a[:], b[:])&found != 1 {
		return errRefused
	}
	return nil
}
