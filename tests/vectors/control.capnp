# What the control stream carries, written down for `capnp decode` and `capnp encode`, which judge our codec from outside.
# Layouts follow facts of the protocol: a Call's content is read as registration parameters, a Return's as registration results.
@0xc0de5a11b0a7f00d;

struct Message {
  union {
    unimplemented @0 :AnyPointer;
    abort @1 :Exception;
    call @2 :Call;
    return @3 :Return;
    finish @4 :Finish;
    resolve @5 :AnyPointer;
    release @6 :Release;
    obsoleteSave @7 :AnyPointer;
    bootstrap @8 :Bootstrap;
  }
}

struct Bootstrap { questionId @0 :UInt32; deprecated @1 :AnyPointer; }

struct Call {
  questionId @0 :UInt32;
  target @1 :Target;
  interfaceId @2 :UInt64;
  methodId @3 :UInt16;
  params @4 :CallPayload;
  sendResultsTo :union { caller @5 :Void; yourself @6 :Void; thirdParty @7 :AnyPointer; }
  allowThirdPartyTailCall @8 :Bool = false;
}

struct Target { union { importedCap @0 :UInt32; promisedAnswer @1 :PromisedAnswer; } }
struct PromisedAnswer { questionId @0 :UInt32; transform @1 :List(Op); struct Op { union { noop @0 :Void; getPointerField @1 :UInt16; } } }
struct CallPayload { content @0 :RegisterParams; capTable @1 :List(Cap); }
struct ReturnPayload { content @0 :RegisterResults; capTable @1 :List(Cap); }
struct Cap { union { none @0 :Void; senderHosted @1 :UInt32; senderPromise @2 :UInt32; receiverHosted @3 :UInt32; receiverAnswer @4 :AnyPointer; } }

struct Return {
  answerId @0 :UInt32;
  releaseParamCaps @1 :Bool = true;
  union { results @2 :ReturnPayload; exception @3 :Exception; canceled @4 :Void; }
}

struct Finish { questionId @0 :UInt32; releaseResultCaps @1 :Bool = true; }
struct Release { id @0 :UInt32; referenceCount @1 :UInt32; }
struct Exception { reason @0 :Text; obsoleteIsCallersFault @1 :Bool; obsoleteDurability @2 :UInt16; }

struct RegisterParams { auth @0 :Auth; tunnelId @1 :Data; connIndex @2 :UInt8; options @3 :Options; }
struct Auth { accountTag @0 :Text; tunnelSecret @1 :Data; }
struct Client { clientId @0 :Data; features @1 :List(Text); version @2 :Text; arch @3 :Text; }
struct Options { client @0 :Client; originLocalIp @1 :Data; replaceExisting @2 :Bool; compressionQuality @3 :UInt8; numPreviousAttempts @4 :UInt8; }
struct RegisterResults { result @0 :Response; }
struct Response { union { error @0 :Error; connectionDetails @1 :Details; } }
struct Error { cause @0 :Text; retryAfter @1 :Int64; shouldRetry @2 :Bool; }
struct Details { uuid @0 :Data; locationName @1 :Text; tunnelIsRemotelyManaged @2 :Bool; }
