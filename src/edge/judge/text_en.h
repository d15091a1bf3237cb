/*
 * text_en: every word of the edge's pages, in English. Read by text.c, several times: no guard.
 *
 * A language more is a file more like this one and a row in text.c. {0}, {1}, ... stand for what is put in there, {!0} for
 * the same in bold; what is put in is always escaped. No markup here: pages do that.
 */
/* T(NAME, text) */
#ifndef T
#define T(name, words)
#endif
#ifndef C
#define C(code, words, next)
#endif
T(LANGUAGE, "en")
/* signing in */
T(SIGN_IN, "Sign in")
T(TO_REACH, "to reach {!0}")
T(CONTINUE_WITH, "Continue with {0}")
T(CHOOSE_METHOD, "Choose how you want to sign in.")
T(EMAIL, "E-mail")
T(PASSWORD, "Password")
T(CODE, "Code")
T(CODE_HINT, "Six digits from your authenticator, if your account has one.")
T(CODE_NEEDED, "Enter your account's code as well.")
T(FORM_STALE, "This page was too old, or was sent already. Nothing was lost: check it and send it again.")
T(PIN_SEND, "Send me a code")
T(PIN_WHY, "We send a one-time code to your address.")
T(PIN_SENT, "A code was sent to {!0} if that address may sign in here. It works for ten minutes.")
T(PIN_AGAIN, "Another code or address")
T(PIN_WRONG, "The code is wrong, was used or has expired.")
T(EMAIL_WRONG, "That is not an e-mail address.")
/* a client waits */
T(CLIENT_TITLE, "Let this client in?")
T(CLIENT_APP, "A command-line client asks to use {!0} in your name.")
T(CLIENT_TUNNELS,
  "A command-line client asks to manage the tunnels of {!0}: to create and delete them, to run them, and to choose which host names "
  "lead to them.")
T(CLIENT_YOU, "You are")
T(CLIENT_FROM, "Asked from")
T(CLIENT_NOBODY, "nowhere yet: no client waits")
T(CLIENT_ELSEWHERE, "That is not your browser's address, which is {0}.")
T(CLIENT_SAME, "Go on only if the client shows the same code:")
T(CLIENT_BUTTON, "The code is the same: let it in")
T(CLIENT_NOT_YOU, "If you did not start this, close the window.")
T(DONE, "Done")
T(DONE_CLIENT, "The client has what it needs. You may close this window.")
T(DONE_TUNNELS, "The client may now manage the tunnels. You may close this window.")
/* why, and may I */
T(WHY_TITLE, "Why do you need this?")
T(WHY_PROMPT, "Why do you need this access?")
T(WHY_BUTTON, "Continue")
T(WHY_RECORDED, "Your answer is recorded.")
T(WHY_EMPTY, "Say why, in plain text.")
T(WHY_LONG, "At most 1000 characters.")
T(ENDED_TITLE, "Your session is over")
T(ENDED_TEXT, "Sign in again, then send your answer once more. This is what you had written:")
T(ENDED_BUTTON, "Sign in again")
T(ASK_TITLE, "Ask for access")
T(ASK_TEXT, "Somebody must approve this first, for a time. You are {0}.")
T(ASK_BUTTON, "Ask")
T(ASK_RECORDED, "The approvers read your answer, and it is recorded.")
T(ASK_REFUSED, "Your request was refused.")
T(ASK_OVER, "Your request, or the access it gave, is over.")
T(WAIT_TITLE, "Waiting for approval")
T(WAIT_LINK, "Pass this link on to somebody who may approve:")
T(WAIT_WHY, "Why")
T(WAIT_APPROVALS, "Approvals")
T(WAIT_COUNT, "{0} here, {1} missing")
T(WAIT_STOP, "Stop looking by itself")
T(WAIT_AGAIN, "Look again")
T(WAIT_CLIENT, "The client waits too. Leave this page open: it looks again by itself, and asks you to let the client in.")
T(WAIT_PAGE, "Leave this page open: it looks again by itself, and goes on once it is approved.")
T(APPROVE_TITLE, "Approve this access?")
T(APPROVE_SEEN, "Access request")
T(APPROVE_WHO, "Who")
T(APPROVE_WHAT, "What")
T(APPROVE_FROM, "From")
T(APPROVE_ASKED, "Asked")
T(APPROVE_PERIOD, "For at most")
T(APPROVE_YES, "Approve")
T(APPROVE_NO, "Refuse")
T(APPROVE_YOU, "You are {0}. What you decide is recorded.")
T(APPROVE_GRANTED, "Approved: access is open until {0}.")
T(APPROVE_REFUSED, "This request was refused.")
T(APPROVE_OVER, "This request is over.")
T(APPROVE_OTHERS, "You approved this. Others must approve too.")
T(APPROVE_CHOOSE, "Choose one of the periods.")
T(HOURS_1, "1 hour")
T(HOURS_4, "4 hours")
T(HOURS_8, "8 hours")
T(HOURS_24, "24 hours")
/* leaving */
T(LOGOUT_TITLE, "Sign out?")
T(LOGOUT_TEXT, "This ends your session on every application, live connections included.")
T(LOGOUT_BUTTON, "Sign out")
T(LOGOUT_STAY, "Stay signed in")
T(LOGOUT_DONE, "Signed out")
T(LOGOUT_OVER, "Your session is over, on every application.")
T(LOGOUT_NONE, "You are not signed in.")
T(SIGN_IN_AGAIN, "Sign in again")
/* the launcher and what is reached by ssh */
T(APPS_TITLE, "Applications")
T(APPS_YOU, "Signed in as {0}")
T(APPS_NONE, "There is nothing here for you yet. An administrator can give you access to an application.")
T(APPS_MORE, "And {0} more, which do not fit on this page: open them by their address.")
T(SSH_TEXT, "This application is reached by ssh. Once, on your computer:")
T(TERMINAL_SCRIPT, "The terminal in this page needs JavaScript. Without it, use ssh on your computer:")
T(SSH_THEN, "and then, as often as you like:")
/* init's link */
T(SETUP_TITLE, "Set up your account")
T(SETUP_FOR, "for {!0}")
T(SETUP_SCAN, "Scan this with the authenticator on your phone")
T(SETUP_QR, "QR code of the secret below")
T(SETUP_SECRET, "Or type this secret into it:")
T(SETUP_LINK, "Open in an authenticator on this device")
T(SETUP_CHOOSE, "Choose a password and enter the code that the authenticator shows now")
T(SETUP_MIN, "At least 8 characters.")
T(SETUP_SAVE, "Save")
T(SETUP_WRONG, "The code is wrong, or the password is too short.")
T(SETUP_DONE, "Your account is ready")
T(SETUP_NEXT, "You may sign in now.")
/* trying a provider */
T(TEST_NOTHING, "Nothing to try")
T(TEST_OURS, "This login method is the edge's own: it asks nobody else.")
T(TEST_WORKS, "It works")
T(TEST_SAYS, "{0} says this about you. Nobody was signed in by it.")
T(TEST_NAME, "name")
T(TEST_EMAIL, "e-mail")
T(TEST_ISSUER, "issuer")
T(TEST_SUBJECT, "subject")
T(TEST_METHODS, "methods (amr)")
T(TEST_GROUPS, "groups")
T(TEST_CLAIMS, "claims")
T(TEST_NONE, "(none)")
T(TEST_UNKNOWN, "unknown: the list was too long, or could not be had")
T(TEST_FAILS, "It does not work")
T(TEST_STEP, "{0} failed at this step:")
T(TEST_PROVIDER, "The provider")
T(TEST_SIGNING_IN, "sign-in")
/* refusals */
T(REFUSED, "Access denied")
T(REFUSED_POLICY, "You are signed in, but you may not use this.")
T(REFUSED_LOGIN, "Sign-in did not work")
T(REFUSED_FOUND, "Not found")
T(REFUSED_BROKEN, "Something is not working")
T(REFUSED_WAIT, "Too many attempts")
T(REFUSED_REQUEST, "This cannot be done")
T(REFUSED_NEXT, "What you can do")
T(REFUSED_CODE, "Code")
T(REFUSED_REQUEST_ID, "Request")
T(REFUSED_YOU, "Signed in as")
T(REFUSED_APP, "Application")
T(REFUSED_TIME, "Time")
T(REFUSED_TELL, "Give these to your administrator if you ask for help:")
T(TRY_AGAIN, "Try again")
T(START_AGAIN, "Start again")
T(SIGN_IN_AS_OTHER, "Sign in as somebody else")
T(TO_START, "To your applications")

/* C(code, what a person is told, what they can do about it): the first is for programs too */
C(SP_BAD_REQUEST, "The request is malformed.",
  "Go back and try again from a fresh page. If it happens again, the program that made the request is at fault.")
C(SP_TOO_LARGE, "The request is too large.",
  "Send less at once.")
C(SP_UNKNOWN_HOST, "There is no application of this name.",
  "Check the spelling of the address. If somebody gave it to you, ask them whether it is still in use.")
C(SP_NO_ROUTE, "This application is not connected to a tunnel.",
  "An administrator has to connect the application to a tunnel.")
C(SP_TUNNEL_DOWN, "The application's tunnel is down.",
  "Try again in a minute. If it lasts, tell your administrator that the tunnel is down.")
C(SP_ORIGIN, "The application's server could not be reached.",
  "Try again in a minute. If it lasts, tell your administrator that the server behind this application does not answer.")
C(SP_BUSY, "The edge is busy. Try again in a moment.",
  "Wait a moment, then try again.")
C(SP_INTERNAL, "Something went wrong at the edge.",
  "Try again in a moment. If it lasts, tell your administrator.")
C(SP_NOT_WEBSOCKET, "This application does not serve pages yet: use the sallyport client.",
  "Use the command-line client.")
C(SP_CONFLICT, "It was changed by somebody else meanwhile, its name is taken, or it is in use.",
  "Load the page again and make your change once more.")
C(SP_NOT_FOUND, "There is nothing here.",
  "Check the address, or start from your applications.")
C(SP_METHOD, "This method is not allowed here.",
  "Open the page by its address instead.")
C(SP_STORE, "The edge's database is away, full or busy. Nothing was changed; try again in a moment.",
  "Wait a moment, then try again.")
C(SP_LOGIN_NEEDED, "Sign in first.",
  "Sign in, then open the page again.")
C(SP_LOGIN_FAILED, "E-mail, password or code is wrong.",
  "Try again. If you forgot your password, an administrator can set a new one.")
C(SP_LOGIN_STATE, "This sign-in is stale, was used already, or began in another browser. Start again.",
  "Open the application again and sign in from there. Use one window for the whole sign-in, and let the browser keep cookies.")
C(SP_LOGIN_PROVIDER, "The identity provider did not answer as it should.",
  "Try again in a minute, or choose another way to sign in. If it lasts, tell your administrator.")
C(SP_ID_TOKEN, "The identity provider's statement does not verify.",
  "Try again. If it happens again, your administrator has to look at the settings of the identity provider.")
C(SP_EMAIL, "Your e-mail address is missing, unverified or of an unacceptable form.",
  "Verify your address with your identity provider, or sign in with another account.")
C(SP_LOGIN_RATE, "Too many attempts. Wait a minute.",
  "Wait a minute before you try again.")
C(SP_DISABLED, "This account is disabled.",
  "An administrator can enable it again.")
C(SP_LOGIN_TIMEOUT, "Nobody finished the sign-in in time.",
  "Start again, and finish within fifteen minutes.")
C(SP_RECHECK, "Your identity provider cannot be asked at the moment whether you may still enter. Try again.",
  "Try again in a minute. If it lasts, tell your administrator that the identity provider does not answer.")
C(SP_NO_POLICY, "Access denied: this application has no policy.",
  "An administrator has to say first who may use this application.")
C(SP_POLICY_DENY, "Access denied.",
  "If you have another account that may enter, sign in with it. Otherwise ask your administrator for access.")
C(SP_POLICY_BLOCK, "Access denied.",
  "If you have another account that may enter, sign in with it. Otherwise ask your administrator.")
C(SP_TOKEN, "The token is not valid.",
  "Sign in again.")
C(SP_TOKEN_EXPIRED, "The token has expired.",
  "Sign in again.")
C(SP_TOKEN_AUDIENCE, "The token belongs to another application.",
  "Sign in to this application.")
C(SP_REVOKED, "The session was revoked. Sign in again.",
  "If you can sign in again, you may go on. Otherwise ask your administrator.")
C(SP_API_TOKEN, "The API token is missing, wrong or revoked.",
  "Use a token that is valid.")
C(SP_SERVICE_TOKEN, "The service token is not valid.",
  "The owner of the program has to give it a token that is valid.")
C(SP_APPROVAL, "Somebody must approve this access first.",
  "Open the application again to ask for access, or to see what became of your request.")
C(SP_API_SCOPE, "The API token lacks the scope.",
  "Use a token with that scope.")
C(SP_NO_CA, "Bad Request. Please create a ca for application.",
  "")
C(SP_KEY_REFUSED, "This kind or size of public key is not accepted.",
  "")
C(SP_KEY_MISMATCH, "This is not the key that the sign-in was made for.",
  "")
C(SP_PRINCIPAL, "This user name is not allowed.",
  "")
C(SP_PRINCIPAL_OWNED, "This user name belongs to another person.",
  "")
C(SP_CERT_RATE, "Too many certificates. Wait a minute.",
  "Wait a minute before you try again.")
C(SP_SIGNER_DOWN, "The edge cannot sign at the moment. Try again.",
  "Wait a moment, then try again.")
C(SP_TUNNEL_AUTH, "Unknown tunnel or wrong secret.",
  "")
C(SP_DESTINATION, "This destination is not allowed.",
  "Ask your administrator which destinations are open to you.")
C(SP_HOST_REFUSED, "The host did not let the session in.",
  "")
C(SP_HOST_NO_CERTS, "The host's SSH server knows no certificates.",
  "")
C(SP_HOST_KEY, "The host's key is not the one that is known.",
  "")
C(SP_HOST_UNLISTED, "The host's key must be listed first.",
  "")
C(SP_HOST_LOST, "The connection to the host broke.",
  "")
C(SP_SESSION_IDLE, "The session ended since nobody used it.",
  "")
C(SP_SESSION_CUT, "Access was withdrawn.",
  "")
C(SP_SESSION_WIRE, "The terminal protocol was broken.",
  "")
C(SP_SESSION_FULL, "The edge runs as many sessions as it may. Try again later.",
  "")
C(SP_SESSION_GONE, "This session is over. Open a new one.",
  "")
C(SP_CONFIG, "The configuration is not valid.",
  "")
C(SP_APPLY, "The document is not valid.",
  "")

#undef T
#undef C
