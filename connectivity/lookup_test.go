package connectivity_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/connectivity"
	"github.com/purerfc/purerfc/connectivity/connectivitytest"
	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
)

// sales is the example of spec 30 section 14.6, on the plain network.
func sales() map[string]string {
	return map[string]string{
		"Name": "SALES_QA", "Type": "RFC", "ProxyType": "Local", "jco.client.ashost": "sales-qa.example.com", "jco.client.sysnr": "07", "jco.client.client": "210",
		"User": "RFC_READER", "Password": canary, "jco.client.lang": "EN", "jco.destination.pool_capacity": "3", "jco.destination.peak_limit": "8",
		"WebIDEUsage": "a key of the user",
	}
}

// service is the destination service of an account whose network is a function call.
func service(x *connectivitytest.XSUAA) (*connectivitytest.DestinationService, *connectivity.DestinationService) {
	double := &connectivitytest.DestinationService{XSUAA: x, Client: connectivitytest.DestinationClient}
	double.Set("SALES_QA", sales())
	both := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Host, connectivitytest.TokenHost) {
			x.ServeHTTP(w, r)
			return
		}
		double.ServeHTTP(w, r)
	})
	return double, &connectivity.DestinationService{
		Binding:   &connectivity.DestinationBinding{Client: client(), URL: "https://" + connectivitytest.DestinationHost},
		Transport: direct{both},
	}
}

// TestDestinationIsLookedUp goes from VCAP_SERVICES to a Config.
func TestDestinationIsLookedUp(t *testing.T) {
	t.Parallel()
	a := connectivitytest.NewAccount(t)
	a.SOCKS = "127.0.0.1:20004"
	a.Destinations.Set("SALES_QA", sales())
	x, err := read(t, a.VCAP()).Find(connectivity.ServiceDestination, "")
	require.NoError(t, err)
	binding, err := x.Destination()
	require.NoError(t, err)
	s := &connectivity.DestinationService{Binding: binding, Transport: a.Transport()}
	cfg, eff, err := destination.Load(t.Context(), s, "SALES_QA")
	require.NoError(t, err)
	require.Equal(t, []string{"sales-qa.example.com", "07", "210", "RFC_READER", canary, "EN"},
		[]string{cfg.ApplicationServer, cfg.SystemNumber, cfg.Client, cfg.User, cfg.Password.Reveal(), cfg.Language})
	require.Equal(t, 3, *cfg.Pool.Capacity)
	v, ok := eff.Get(destination.KeyUser)
	require.True(t, ok)
	require.Equal(t, "service destination service", v.Source.String())
	require.NotContains(t, fmt.Sprintf("%v %+v %+v", cfg, eff, s), canary)
	require.Equal(t, []int{1, 1}, []int{a.XSUAA.Requests(), a.Destinations.Requests()})

	_, _, err = destination.Load(t.Context(), s, "SALES_QS")
	require.ErrorIs(t, err, destination.ErrUnknown)
	contains(t, err, "Destination SALES_QS does not exist in the destination service", "did you mean SALES_QA?")
	_, err = destination.Chain{&destination.Memory{}, s}.Load(t.Context(), "SALES_QA")
	require.NoError(t, err)
}

// TestOtherTypesAreFoundButNotForRFC is error D-12.
func TestOtherTypesAreFoundButNotForRFC(t *testing.T) {
	t.Parallel()
	double, s := service(newXSUAA())
	double.Set("WEB", map[string]string{"Name": "WEB", "Type": "HTTP", "URL": "http://erp.virtual:8000", "ProxyType": "OnPremise", "Authentication": "PrincipalPropagation"})
	f, err := s.Find(t.Context(), "WEB")
	require.NoError(t, err)
	v, _ := f.Properties.Get("URL")
	require.Equal(t, "http://erp.virtual:8000", v)
	_, _, err = destination.Load(t.Context(), s, "WEB")
	contains(t, err, "Type", `"HTTP"`)
}

func TestInstanceComesBeforeSubaccount(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*connectivity.DestinationService){
		"version 1": func(*connectivity.DestinationService) {},
		"version 2": func(s *connectivity.DestinationService) { s.V2 = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			double, s := service(newXSUAA())
			set(s)
			host := func() string {
				t.Helper()
				f, err := s.Find(t.Context(), "SALES_QA")
				require.NoError(t, err)
				v, _ := f.Properties.Get("jco.client.ashost")
				return v
			}
			s.MaxAge = -1 // nothing is kept
			require.Equal(t, "sales-qa.example.com", host())
			double.SetAt("instance", "SALES_QA", connectivitytest.Destination{Properties: map[string]string{"Type": "RFC", "jco.client.ashost": "instance"}})
			require.Equal(t, "instance", host())
		})
	}
	double, s := service(newXSUAA())
	double.SetAt("instance", "SALES_QA", connectivitytest.Destination{Properties: map[string]string{"Type": "RFC", "jco.client.ashost": "instance"}})
	s.Level = connectivity.LevelSubaccount
	f, err := s.Find(t.Context(), "SALES_QA")
	require.NoError(t, err)
	v, _ := f.Properties.Get("jco.client.ashost")
	require.Equal(t, "sales-qa.example.com", v)
	_, has := f.Properties.Get("$metadata")
	require.False(t, has)
	double.Delete("SALES_QA")
	_, err = s.Find(t.Context(), "ANY")
	require.ErrorIs(t, err, destination.ErrUnknown)
}

func TestFragments(t *testing.T) {
	t.Parallel()
	double, s := service(newXSUAA())
	double.SetFragment("plant7", map[string]string{"jco.client.cloud_connector_location_id": "plant-7", "jco.client.client": "300"})
	double.SetFragment("english", map[string]string{"jco.client.lang": "EN"})
	s.Fragments = []string{"plant7@subaccount", "english"}
	f, err := s.Find(t.Context(), "SALES_QA")
	require.NoError(t, err)
	require.Equal(t, []string{"plant-7", "300", "RFC_READER", "english"}, []string{
		f.Properties.Value(destination.KeyCloudConnectorLocationID), f.Properties.Value(destination.KeyClient), f.Properties.Value(destination.KeyUser), f.Properties.Value("FragmentName"),
	})
	require.Equal(t, "plant7@subaccount,english", double.Last().Get("X-Fragment-Name"))
	s.FragmentOptional, s.MaxAge = true, -1 // of no effect on several
	_, err = s.Find(t.Context(), "SALES_QA")
	require.NoError(t, err)
	for _, optional := range []bool{false, true} {
		_, s := service(double.XSUAA)
		s.Fragments, s.FragmentOptional = []string{"none"}, optional
		_, err := s.Find(t.Context(), "SALES_QA")
		require.Equal(t, optional, err == nil, err)
	}
}

// TestAnswerIsKept for MaxAge, and serves on when the service fails (error D-14 without it).
func TestAnswerIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		double, s := service(newXSUAA())
		var log bytes.Buffer
		s.Logger = slog.New(slog.NewTextHandler(&log, nil))
		get := func() error {
			_, err := s.Find(t.Context(), "SALES_QA")
			return err
		}
		require.NoError(t, get())
		time.Sleep(5*time.Minute - time.Nanosecond) //nolint:forbidigo // the time of the bubble
		require.NoError(t, get())
		require.Equal(t, 1, double.Requests())
		time.Sleep(time.Nanosecond) //nolint:forbidigo // the time of the bubble
		require.NoError(t, get())
		require.Equal(t, 2, double.Requests())

		time.Sleep(5 * time.Minute) //nolint:forbidigo // the time of the bubble
		down := connectivitytest.Status(503, canary)
		double.Inject(down, down, down, down)
		require.NoError(t, get())
		require.Equal(t, 6, double.Requests(), "three repetitions")
		require.Contains(t, log.String(), "the old one serves on")
		require.NotContains(t, log.String(), canary)
		require.NoError(t, get())
		require.Equal(t, 6, double.Requests(), "not asked again at once")
		time.Sleep(10 * time.Second) //nolint:forbidigo // the time of the bubble
		require.NoError(t, get())
		require.Equal(t, 7, double.Requests())

		time.Sleep(5 * time.Minute) //nolint:forbidigo // the time of the bubble
		double.Inject(connectivitytest.Status(403, ""))
		require.ErrorIs(t, get(), rfc.ErrLogon, "a refusal is a refusal")
		time.Sleep(25 * time.Hour) //nolint:forbidigo // the time of the bubble
		double.Inject(down, down, down, down)
		require.ErrorIs(t, get(), rfc.ErrCommunication, "a day is too old")
		double.Delete("SALES_QA")
		require.ErrorIs(t, get(), destination.ErrUnknown)
		double.Inject(down, down, down, down)
		require.ErrorIs(t, get(), rfc.ErrCommunication, "what is gone serves no more")
	})
}

// TestRepetitions: after 100, 200 and 400 ms and at most half of it more, or after Retry-After.
func TestRepetitions(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		faults      []connectivitytest.Fault
		requests    int
		least, most time.Duration
		is          error
	}{
		"500 then good":       {[]connectivitytest.Fault{connectivitytest.Status(500, "")}, 2, 100 * time.Millisecond, 150 * time.Millisecond, nil},
		"500, 502, 503, good": {[]connectivitytest.Fault{connectivitytest.Status(500, ""), connectivitytest.Status(502, ""), connectivitytest.Status(503, "")}, 4, 700 * time.Millisecond, 1050 * time.Millisecond, nil},
		"Retry-After":         {[]connectivitytest.Fault{connectivitytest.Status(429, "", "Retry-After", "3")}, 2, 3 * time.Second, 3 * time.Second, nil},
		"Retry-After long":    {[]connectivitytest.Fault{connectivitytest.Status(429, "", "Retry-After", "6")}, 1, 0, 0, rfc.ErrResource},
		"Retry-After date":    {[]connectivitytest.Fault{connectivitytest.Status(503, "", "Retry-After", "Sat, 01 Jan 2000 00:00:02 GMT")}, 2, 2 * time.Second, 2 * time.Second, nil},
		"400":                 {[]connectivitytest.Fault{connectivitytest.Status(400, "")}, 1, 0, 0, rfc.ErrConfig},
		"403":                 {[]connectivitytest.Fault{connectivitytest.Status(403, "")}, 1, 0, 0, rfc.ErrLogon},
		"401 costs nothing":   {[]connectivitytest.Fault{connectivitytest.Status(401, ""), connectivitytest.Status(500, ""), connectivitytest.Status(500, ""), connectivitytest.Status(500, "")}, 5, 700 * time.Millisecond, 1050 * time.Millisecond, nil},
		"401 twice":           {[]connectivitytest.Fault{connectivitytest.Status(401, ""), connectivitytest.Status(401, "")}, 2, 0, 0, rfc.ErrLogon},
		"redirect":            {[]connectivitytest.Fault{connectivitytest.Redirect("https://evil.example.com/")}, 1, 0, 0, rfc.ErrSecurity},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				double, s := service(newXSUAA())
				double.Inject(tt.faults...)
				begin := time.Now()
				_, err := s.Find(t.Context(), "SALES_QA")
				require.ErrorIs(t, err, tt.is)
				require.Equal(t, tt.requests, double.Requests())
				took := time.Since(begin)
				require.True(t, took >= tt.least && took <= tt.most, "%v", took)
			})
		})
	}
}

// TestRevokedTokenIsExchangedOnce: the service says 401 to a token that was kept.
func TestRevokedTokenIsExchangedOnce(t *testing.T) {
	t.Parallel()
	x := newXSUAA()
	_, s := service(x)
	s.MaxAge = -1
	_, err := s.Find(t.Context(), "SALES_QA")
	require.NoError(t, err)
	x.RevokeAll()
	_, err = s.Find(t.Context(), "SALES_QA")
	require.NoError(t, err)
	require.Equal(t, 2, x.Requests())
}

func TestLookupFailures(t *testing.T) {
	t.Parallel()
	broken := func(body string) []connectivitytest.Fault {
		return []connectivitytest.Fault{connectivitytest.Text("application/json", body)}
	}
	four := func(f connectivitytest.Fault) []connectivitytest.Fault { return []connectivitytest.Fault{f, f, f, f} }
	for name, tt := range map[string]struct {
		faults []connectivitytest.Fault
		is     error
		step   rfc.Step
		want   []string
	}{
		"D-15 401":       {[]connectivitytest.Fault{connectivitytest.Status(401, ""), connectivitytest.Status(401, `{"ErrorMessage":"no, `+secret+`"}`)}, rfc.ErrLogon, connectivity.StepLookup, []string{"destination service answered 401 (Unauthorized): no, ***", "refused the client"}},
		"D-15 403":       {[]connectivitytest.Fault{connectivitytest.Status(403, "")}, rfc.ErrLogon, connectivity.StepLookup, []string{"answered 403 (Forbidden)", "refused the client"}},
		"D-14 500":       {four(connectivitytest.Status(500, "<html>"+secret)), rfc.ErrCommunication, connectivity.StepLookup, []string{"destination service answered 500"}},
		"429":            {[]connectivitytest.Fault{connectivitytest.Status(429, "", "Retry-After", "60")}, rfc.ErrResource, connectivity.StepLookup, []string{"try again after 1m0s"}},
		"redirect":       {[]connectivitytest.Fault{connectivitytest.Redirect("http://evil.example.com")}, rfc.ErrSecurity, connectivity.StepLookup, []string{"credentials do not follow a redirect"}},
		"HTML":           {broken("<html>" + secret), rfc.ErrProtocol, connectivity.StepLookup, []string{"the answer is no JSON object"}},
		"list":           {broken("[]"), rfc.ErrProtocol, connectivity.StepLookup, []string{"the answer is no JSON object"}},
		"empty":          {broken("{}"), rfc.ErrProtocol, connectivity.StepLookup, []string{"no destinationConfiguration"}},
		"no object":      {broken(`{"destinationConfiguration":"` + secret + `"}`), rfc.ErrProtocol, connectivity.StepLookup, []string{"no destinationConfiguration"}},
		"twice":          {broken(`{"destinationConfiguration":{"a":"` + secret + `","a":"x"}}`), rfc.ErrProtocol, connectivity.StepLookup, []string{"property a was given twice"}},
		"too large":      {[]connectivitytest.Fault{connectivitytest.Huge(5 << 20)}, rfc.ErrLimit, connectivity.StepLookup, []string{"more than 4194304 bytes"}},
		"too many":       {broken(`{"destinationConfiguration":{` + strings.Repeat(`"a":"b",`, 1000) + `"a":"b"}}`), rfc.ErrLimit, connectivity.StepLookup, []string{"1001 properties, at most 1000"}},
		"too deep":       {broken(`{"destinationConfiguration":` + strings.Repeat(`[`, 100) + strings.Repeat(`]`, 100) + `}`), rfc.ErrProtocol, connectivity.StepLookup, []string{"levels"}},
		"D-13 no token":  {broken(`{"destinationConfiguration":{},"authTokens":[{"type":"","value":"","error":"Retrieval of OAuthToken failed"}]}`), rfc.ErrLogon, connectivity.StepToken, []string{"SALES_QA: token service: Retrieval of OAuthToken failed"}},
		"token injects":  {broken(`{"destinationConfiguration":{},"authTokens":[{"type":"Bearer","value":"a","http_header":{"key":"X\r\nY","value":"` + secret + `"}}]}`), rfc.ErrProtocol, connectivity.StepLookup, []string{"cannot be sent"}},
		"no certificate": {broken(`{"destinationConfiguration":{},"certificates":[{"Name":"x.pem"}]}`), rfc.ErrProtocol, connectivity.StepLookup, []string{"without name or content"}},
		"cut":            {four(connectivitytest.Cut(`{"destinationConfiguration":{`)), rfc.ErrCommunication, connectivity.StepLookup, []string{"destination service gave no answer"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := connectivitytest.NewAccount(t)
			a.Destinations.Set("SALES_QA", sales())
			a.Destinations.Inject(tt.faults...)
			s := &connectivity.DestinationService{Binding: &connectivity.DestinationBinding{Client: client(), URL: "https://" + connectivitytest.DestinationHost + "/"}, Transport: a.Transport()}
			_, err := s.Load(t.Context(), "SALES_QA")
			require.ErrorIs(t, err, tt.is)
			contains(t, err, tt.want...)
			e, ok := errors.AsType[*rfc.Error](err)
			require.True(t, ok)
			require.Equal(t, []any{tt.step, rfc.NotSent, "SALES_QA"}, []any{e.Step, e.Outcome, e.Destination})
			require.Len(t, tt.faults, a.Destinations.Requests())
			_, err = s.Load(t.Context(), "SALES_QA")
			require.NoError(t, err, "the failure was not kept")
		})
	}
}

func TestLookupThatCannotBegin(t *testing.T) {
	t.Parallel()
	_, s := service(newXSUAA())
	for _, name := range []string{"", "a@b", "../x", "a b", strings.Repeat("a", 201)} {
		_, err := s.Find(t.Context(), name)
		contains(t, err, "1 to 200 characters without blanks, / and @")
	}
	_, err := new(connectivity.DestinationService).Find(t.Context(), "A")
	contains(t, err, "a Binding is required")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Find(ctx, "A")
	require.ErrorIs(t, err, rfc.ErrCanceled)
}

// TestSlowServiceEndsInTime: each request has its limit, the caller his own.
func TestSlowServiceEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		double, s := service(newXSUAA())
		double.Inject(connectivitytest.Hang(nil))
		begin := time.Now()
		_, err := s.Find(t.Context(), "SALES_QA")
		require.ErrorIs(t, err, rfc.ErrTimeout)
		require.Equal(t, connectivity.DefaultTimeout, time.Since(begin))
		double.Inject(connectivitytest.Hang(nil))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = s.Find(ctx, "SALES_QA")
		require.ErrorIs(t, err, rfc.ErrTimeout)
		require.Equal(t, connectivity.DefaultTimeout+time.Second, time.Since(begin))
	})
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		double, s := service(newXSUAA())
		s.Limit = 2
		find := func(name string) {
			t.Helper()
			double.Set(name, sales())
			_, err := s.Find(t.Context(), name)
			require.NoError(t, err)
			time.Sleep(time.Second) //nolint:forbidigo // the time of the bubble
		}
		for _, name := range []string{"A", "B", "C", "C", "B"} {
			find(name)
		}
		require.Equal(t, 3, double.Requests(), "the last two are there")
		find("A")
		require.Equal(t, 4, double.Requests(), "the oldest gave way")
	})
}

// TestOthersAreNotWatched: what was looked up for a tenant or a user is none of Watch's.
func TestOthersAreNotWatched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newXSUAA()
		double, s := service(x)
		for _, ctx := range []context.Context{connectivity.WithTenant(t.Context(), "globex"), connectivity.WithUserToken(t.Context(), x.UserToken("JANE", time.Hour))} {
			_, err := s.Load(ctx, "SALES_QA")
			require.NoError(t, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for e := range s.Watch(ctx) {
			t.Errorf("%v", e)
		}
		require.Equal(t, 2, double.Requests())
	})
}

func TestOneLookupForAllWhoWait(t *testing.T) {
	t.Parallel()
	double, s := service(newXSUAA())
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := s.Find(t.Context(), "SALES_QA"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, 1, double.Requests())
}

func TestUserAndTenantOfALookup(t *testing.T) {
	t.Parallel()
	x := newXSUAA()
	double, s := service(x)
	user := x.UserToken("JANE", time.Hour)
	_, err := s.Find(connectivity.WithUserToken(t.Context(), user), "SALES_QA")
	require.NoError(t, err)
	require.Equal(t, user, double.Last().Get("X-User-Token"))
	_, err = s.Find(t.Context(), "SALES_QA")
	require.NoError(t, err)
	require.Empty(t, double.Last().Get("X-User-Token"))
	_, err = s.Find(connectivity.WithTenant(t.Context(), "globex"), "SALES_QA")
	require.NoError(t, err)
	g, err := x.Check(strings.TrimPrefix(double.Last().Get("Authorization"), "Bearer "))
	require.NoError(t, err)
	require.Equal(t, "globex", g.Tenant)
	require.Equal(t, 3, double.Requests(), "each has an answer of its own")
	_, err = s.Find(connectivity.WithUserToken(t.Context(), x.UserToken("JANE", -time.Hour)), "SALES_QA")
	contains(t, err, "the user token in the context expired")
}

func TestTokensAndCertificatesOfADestination(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		double, s := service(newXSUAA())
		double.SetAt("subaccount", "WEB", connectivitytest.Destination{
			Properties: map[string]string{"Type": "HTTP"},
			Tokens: []map[string]any{
				{"type": "Bearer", "value": canary + "1", "http_header": map[string]string{"key": "Authorization", "value": "Bearer " + canary + "1"}, "expires_in": "100"},
				{"type": "Bearer", "value": canary + "2", "expires_in": 3599},
			},
			Certificates: map[string][]byte{"client.p12": []byte(canary), "old.jks": {1}, "magic.p12": {0xfe, 0xed, 0xfe, 0xed, 0}},
		})
		f, err := s.Find(t.Context(), "WEB")
		require.NoError(t, err)
		require.Equal(t, []string{canary + "1", "Bearer " + canary + "1", "Authorization", "Bearer " + canary + "2"},
			[]string{f.Tokens[0].Reveal(), f.Tokens[0].HeaderValue(), f.Tokens[0].Header, f.Tokens[1].HeaderValue()})
		require.Equal(t, 100*time.Second, time.Until(f.Tokens[0].Expiry))
		require.Equal(t, 3599*time.Second, time.Until(f.Tokens[1].Expiry))
		data, err := f.Certificate("client.p12")
		require.NoError(t, err)
		require.Equal(t, canary, string(data))
		for _, name := range []string{"old.jks", "magic.p12"} {
			_, err = f.Certificate(name)
			contains(t, err, name, "Java's own format (JKS)", "keytool")
		}
		_, err = f.Certificate("none.pem")
		contains(t, err, "none.pem is not in the answer", "client.p12", "old.jks")
		for _, format := range []string{"%v", "%+v", "%#v"} {
			require.NotContains(t, fmt.Sprintf(format, f), canary)
			require.NotContains(t, fmt.Sprintf(format, *f), canary)
		}
		doc, err := json.Marshal(f)
		require.NoError(t, err)
		require.NotContains(t, string(doc), canary)

		// The answer is not kept longer than its tokens are good.
		time.Sleep(39 * time.Second) //nolint:forbidigo // the time of the bubble
		_, err = s.Find(t.Context(), "WEB")
		require.NoError(t, err)
		require.Equal(t, 1, double.Requests())
		time.Sleep(time.Second) //nolint:forbidigo // the time of the bubble
		_, err = s.Find(t.Context(), "WEB")
		require.NoError(t, err)
		require.Equal(t, 2, double.Requests())
		down := connectivitytest.Status(503, "")
		time.Sleep(98 * time.Second) //nolint:forbidigo // the time of the bubble
		double.Inject(down, down, down, down)
		_, err = s.Find(t.Context(), "WEB")
		require.NoError(t, err, "the old answer, with tokens for a second")
		time.Sleep(12 * time.Second) //nolint:forbidigo // the time of the bubble
		double.Inject(down, down, down, down)
		_, err = s.Find(t.Context(), "WEB")
		require.ErrorIs(t, err, rfc.ErrCommunication, "its tokens have expired")
	})
}

// TestMembersInAnyCase: the guide writes those of certificates in both.
func TestMembersInAnyCase(t *testing.T) {
	t.Parallel()
	f, err := connectivity.ParseFound("A", []byte(`{"DestinationConfiguration":{},"Certificates":[{"name":"a.pem","content":"YQ==","type":"CERTIFICATE"}]}`))
	require.NoError(t, err)
	data, err := f.Certificate("a.pem")
	require.NoError(t, err)
	require.Equal(t, "a", string(data))
}

func TestNamesOfSeveralPages(t *testing.T) {
	t.Parallel()
	double, s := service(newXSUAA())
	for i := range 250 {
		double.Set(fmt.Sprintf("D%03d", i), map[string]string{})
	}
	double.SetAt("instance", "INSTANCE", connectivitytest.Destination{})
	double.SetAt("instance", "D007", connectivitytest.Destination{})
	names, err := s.Names(t.Context())
	require.NoError(t, err)
	require.Len(t, names, 252) // with SALES_QA
	require.Equal(t, 1+3, double.Requests())
	double.Inject(connectivitytest.Text("application/json", `{"x":1}`))
	_, err = s.Names(t.Context())
	require.ErrorIs(t, err, rfc.ErrProtocol)
}

func TestWatchTellsOfChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		double, s := service(newXSUAA())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := s.Load(ctx, "SALES_QA")
		require.NoError(t, err)
		events := make(chan string, 10)
		changes := s.Watch(ctx)
		var group sync.WaitGroup
		group.Go(func() {
			for e := range changes {
				events <- e.Name + " " + e.Kind.String()
			}
		})
		time.Sleep(time.Minute) //nolint:forbidigo // the time of the bubble: between two looks
		told := func(want ...string) {
			t.Helper()
			time.Sleep(connectivity.DefaultMaxAge) //nolint:forbidigo // the time of the bubble
			synctest.Wait()
			require.Len(t, events, len(want))
			for _, e := range want {
				require.Equal(t, e, <-events)
			}
		}
		told()
		double.Set("OTHER", sales())
		told() // nobody loaded it
		changed := sales()
		changed["jco.client.client"] = "300"
		double.Set("SALES_QA", changed)
		told("SALES_QA changed")
		f, err := s.Find(ctx, "SALES_QA")
		require.NoError(t, err)
		require.Equal(t, "300", f.Properties.Value(destination.KeyClient))
		down := connectivitytest.Status(403, "")
		double.Inject(down)
		told("SALES_QA failed")
		double.Inject(down)
		told() // the same trouble
		told("SALES_QA changed")
		double.Delete("SALES_QA")
		told("SALES_QA deleted")
		told()
		double.Set("SALES_QA", changed)
		_, err = s.Load(ctx, "OTHER")
		require.NoError(t, err)
		told("SALES_QA changed")
		double.Delete("OTHER")
		told("OTHER deleted")
		cancel()
		group.Wait()
	})
}
