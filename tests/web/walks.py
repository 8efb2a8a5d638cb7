"""What people do in the web client, step by step."""
GONE = 'ERR_INTERNET_DISCONNECTED', 'WebSocket'  # what the console says of a line that is cut


def write(window, text):
    """Types a message and sends it."""
    box = window.page.get_by_role('textbox', name='Message')
    box.fill(text)
    box.press('Enter')


def message(window, text):
    """The message with that text."""
    return window.page.locator('article.message', has_text=text).first


def receipt(window, text, name):
    """What is said beside an own message of who has it: 'Sent', 'Delivered', 'Read'."""
    return message(window, text).get_by_role('button', name=name)


def act(window, text, action):
    """Chooses an action from a message's menu, by the keyboard."""
    message(window, text).focus()
    window.page.keyboard.press('Enter')
    window.page.get_by_role('menuitem', name=action, exact=True).click()


def conversation(window, name):
    """The conversation's row in the inbox."""
    return window.page.get_by_role('navigation').get_by_role('link', name=name)


def sign_in(page, account, password=None):
    """Fills in the form for that and sends it."""
    page.get_by_label('Username or email').fill(account.username)
    page.get_by_label('Password').fill(password or account.password)
    page.get_by_role('button', name='Sign in').click()


def sign_out(window):
    """Signs out in the settings, and waits until one can sign in again."""
    window.go('#/settings')
    sign_out = window.page.get_by_role('button', name='Sign out')
    sign_out.wait_for()
    window.settle()  # what is still asked for would be refused, and the console say so
    sign_out.click()
    window.page.get_by_role('dialog').get_by_role('button', name='Sign out').click()
    window.page.get_by_role('heading', name='Sign in').wait_for()


def cut(window):
    """Cuts the line, and waits until the page says so; within `window.expecting(*GONE)`."""
    window.cut()
    window.page.get_by_role('status').filter(has_text='What you write is sent').wait_for()
