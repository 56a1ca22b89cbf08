//! Linux-PAM itself, `libpam.so.0`. It is opened when the helper starts, so that nobody needs it who does not use it, and
//! nothing but Rust and a C compiler is needed to build this.
#![allow(unsafe_code)]

use libc::{c_char, c_int, c_void};
use std::ffi::{CStr, CString};
use std::net::IpAddr;
use std::ptr;

/// Results (`_pam_types.h`).
const SUCCESS: c_int = 0;
const BUFFER: c_int = 5;
const DENIED: c_int = 6;
const WRONG: c_int = 7;
const TOO_LITTLE: c_int = 8;
const UNKNOWN: c_int = 10;
const TOO_OFTEN: c_int = 11;
const NEW_PASSWORD_NEEDED: c_int = 12;
const EXPIRED: c_int = 13;
const CONVERSATION: c_int = 19;

/// What can be set and asked for.
const USER: c_int = 2;
const TERMINAL: c_int = 3;
const ORIGIN: c_int = 4;
const DELAY: c_int = 10;

/// Nobody gets in without a password.
const NO_EMPTY_PASSWORD: c_int = 1;
const SILENT: c_int = 0x8000;

/// Kinds of messages.
const ASKS_SECRETLY: c_int = 1;
const ASKS: c_int = 2;

/// Messages that are answered at a time at the most (`PAM_MAX_NUM_MSG`).
const MESSAGES: c_int = 32;

#[repr(C)]
struct Message {
    kind: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Response {
    text: *mut c_char,
    code: c_int,
}

#[repr(C)]
struct Conversation {
    talk: extern "C" fn(c_int, *mut *const Message, *mut *mut Response, *mut c_void) -> c_int,
    data: *mut c_void,
}

type Handle = *mut c_void;

/// What came of a question.
pub(super) enum Said {
    /// It is so, for the user of this name, which modules may have changed.
    Right(String),
    Wrong,
    Unknown,
    Failed(String),
}

/// The functions that are needed.
pub(super) struct Library {
    start: unsafe extern "C" fn(*const c_char, *const c_char, *const Conversation, *mut Handle) -> c_int,
    end: unsafe extern "C" fn(Handle, c_int) -> c_int,
    authenticate: unsafe extern "C" fn(Handle, c_int) -> c_int,
    may_log_in: unsafe extern "C" fn(Handle, c_int) -> c_int,
    set: unsafe extern "C" fn(Handle, c_int, *const c_void) -> c_int,
    get: unsafe extern "C" fn(Handle, c_int, *mut *const c_void) -> c_int,
    words: unsafe extern "C" fn(Handle, c_int) -> *const c_char,
    /// What has the functions, for as long as they are there.
    _library: libloading::Library,
}

/// What modules are answered.
struct Answers {
    user: CString,
    password: Option<CString>,
}

impl Library {
    pub(super) fn open() -> Result<Library, libloading::Error> {
        // SAFETY: the library has no constructors that need anything, and the types are those of its headers
        // (`pam_appl.h`), which have been the same since its first version.
        unsafe {
            let library = libloading::Library::new("libpam.so.0")?;
            Ok(Library {
                start: *library.get(c"pam_start")?,
                end: *library.get(c"pam_end")?,
                authenticate: *library.get(c"pam_authenticate")?,
                may_log_in: *library.get(c"pam_acct_mgmt")?,
                set: *library.get(c"pam_set_item")?,
                get: *library.get(c"pam_get_item")?,
                words: *library.get(c"pam_strerror")?,
                _library: library,
            })
        }
    }

    /// Asks a service whether this is the user's password, if there is one, and whether the user may log in, from there. The texts have
    /// no zero in them.
    pub(super) fn ask(&self, service: &str, user: &str, password: Option<&str>, from: IpAddr) -> Said {
        let text = |text: &str| CString::new(text).unwrap_or_default();
        let (service, from) = (text(service), text(&from.to_canonical().to_string()));
        let answers = Answers { user: text(user), password: password.map(text) };
        let conversation = Conversation { talk, data: ptr::from_ref(&answers).cast_mut().cast() };
        let mut handle: Handle = ptr::null_mut();
        // SAFETY: the texts, the answers and the conversation live until `pam_end`, and the handle is used between
        // `pam_start` and that, by this thread only.
        unsafe {
            let started = (self.start)(
                service.as_ptr(),
                answers.user.as_ptr(),
                &raw const conversation,
                &raw mut handle,
            );
            if started != SUCCESS {
                return Said::Failed("PAM does not start".to_owned());
            }
            // How long a wrong password takes is the server's to say: others must not have to wait for it.
            (self.set)(handle, DELAY, no_delay as *const c_void);
            (self.set)(handle, TERMINAL, c"ftp".as_ptr().cast());
            (self.set)(handle, ORIGIN, from.as_ptr().cast());
            let mut result = SUCCESS;
            if answers.password.is_some() {
                result = (self.authenticate)(handle, SILENT | NO_EMPTY_PASSWORD);
            }
            if result == SUCCESS {
                result = (self.may_log_in)(handle, SILENT | NO_EMPTY_PASSWORD);
            }
            let said = self.said(handle, result);
            (self.end)(handle, result);
            said
        }
    }

    /// What a result means.
    ///
    /// # Safety
    /// The handle has to be one that was started and has not ended.
    unsafe fn said(&self, handle: Handle, result: c_int) -> Said {
        match result {
            SUCCESS => {}
            UNKNOWN => return Said::Unknown,
            DENIED | WRONG | TOO_LITTLE | TOO_OFTEN | NEW_PASSWORD_NEEDED | EXPIRED => return Said::Wrong,
            _ => {
                // SAFETY: these words are the library's own, and stay.
                let words = unsafe { CStr::from_ptr((self.words)(handle, result)) };
                return Said::Failed(words.to_string_lossy().into_owned());
            }
        }
        let mut user: *const c_void = ptr::null();
        // SAFETY: what comes is a text of the handle's, which is copied before that ends.
        unsafe {
            if (self.get)(handle, USER, &raw mut user) != SUCCESS || user.is_null() {
                return Said::Failed("PAM does not say who it is".to_owned());
            }
            match CStr::from_ptr(user.cast()).to_str() {
                Ok(user) => Said::Right(user.to_owned()),
                Err(_) => Said::Unknown,
            }
        }
    }
}

/// Answers the questions of modules.
extern "C" fn talk(
    count: c_int,
    messages: *mut *const Message,
    responses: *mut *mut Response,
    data: *mut c_void,
) -> c_int {
    let Some(many) = usize::try_from(count).ok().filter(|_| (1..=MESSAGES).contains(&count)) else {
        return CONVERSATION;
    };
    // SAFETY: PAM passes as many messages as it says, and what `pam_start` was given as data. It frees the responses and
    // their texts itself, by `free`.
    unsafe {
        let answers = &*data.cast::<Answers>();
        let kinds = (0..many).map(|number| (**messages.add(number)).kind);
        let texts: Option<Vec<Option<&CString>>> = kinds
            .map(|kind| match kind {
                // Whoever has none to say gives up.
                ASKS_SECRETLY => answers.password.as_ref().map(Some),
                ASKS => Some(Some(&answers.user)),
                _ => Some(None),
            })
            .collect();
        let Some(texts) = texts else { return CONVERSATION };
        let all = libc::calloc(many, size_of::<Response>()).cast::<Response>();
        if all.is_null() {
            return BUFFER;
        }
        for (number, text) in texts.into_iter().enumerate() {
            if let Some(text) = text {
                (*all.add(number)).text = libc::strdup(text.as_ptr());
            }
        }
        *responses = all;
    }
    SUCCESS
}

/// Waits for nothing after a wrong password.
extern "C" fn no_delay(_result: c_int, _microseconds: libc::c_uint, _data: *mut c_void) {}
