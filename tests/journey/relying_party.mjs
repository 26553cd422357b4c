// A relying party on openid-client, which nobody here wrote. Prints what it learned as one line of JSON.
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const given = JSON.parse(process.argv[2])
const entry = path.join(given.modules, 'openid-client', 'build', 'index.js')
const client = await import(pathToFileURL(entry).href)

const config = await client.discovery(new URL(given.issuer), 'page', undefined, client.None(), {
  execute: [client.allowInsecureRequests],
})
const verifier = client.randomPKCECodeVerifier()
const state = client.randomState()
const nonce = client.randomNonce()
const start = client.buildAuthorizationUrl(config, {
  redirect_uri: given.callback,
  scope: 'openid email profile',
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
  nonce,
})

const page = await fetch(start)
const cookie = page.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ')
const html = await page.text()
const unescape = (text) =>
  text.replaceAll('&quot;', '"').replaceAll('&#x27;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
const form = new URLSearchParams()
for (const [, name, value] of html.matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g)) {
  form.set(name, unescape(value))
}
form.set('username', 'user-one')
form.set('password', given.password)
const action = new URL(html.match(/action="([^"]+)"/)[1], given.issuer)
const sent = await fetch(action, { method: 'POST', body: form, headers: { cookie }, redirect: 'manual' })

const tokens = await client.authorizationCodeGrant(config, new URL(sent.headers.get('location')), {
  pkceCodeVerifier: verifier,
  expectedState: state,
  expectedNonce: nonce,
  idTokenExpected: true,
})
const user = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
const fresh = await client.refreshTokenGrant(config, tokens.refresh_token)
await client.tokenRevocation(config, fresh.refresh_token)
let ended = ''
try {
  await client.refreshTokenGrant(config, fresh.refresh_token)
} catch (error) {
  ended = error.error
}
const rotated = fresh.refresh_token !== tokens.refresh_token
console.log(JSON.stringify({ email: user.email, rotated, after_revoke: ended }))
